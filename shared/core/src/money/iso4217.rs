//! Which currencies there are, by [ISO 4217](https://www.six-group.com/en/products-services/financial-information/data-standards.html).

/// List one as of 1 January 2026, without what has no minor unit: metals, units of account, and the codes for tests and for none.
#[rustfmt::skip]
const CURRENT: [&[u8; 3]; 165] = [
    b"aed", b"afn", b"all", b"amd", b"aoa", b"ars", b"aud", b"awg", b"azn", b"bam", b"bbd", b"bdt", b"bhd", b"bif",
    b"bmd", b"bnd", b"bob", b"bov", b"brl", b"bsd", b"btn", b"bwp", b"byn", b"bzd", b"cad", b"cdf", b"che", b"chf",
    b"chw", b"clf", b"clp", b"cny", b"cop", b"cou", b"crc", b"cup", b"cve", b"czk", b"djf", b"dkk", b"dop", b"dzd",
    b"egp", b"ern", b"etb", b"eur", b"fjd", b"fkp", b"gbp", b"gel", b"ghs", b"gip", b"gmd", b"gnf", b"gtq", b"gyd",
    b"hkd", b"hnl", b"htg", b"huf", b"idr", b"ils", b"inr", b"iqd", b"irr", b"isk", b"jmd", b"jod", b"jpy", b"kes",
    b"kgs", b"khr", b"kmf", b"kpw", b"krw", b"kwd", b"kyd", b"kzt", b"lak", b"lbp", b"lkr", b"lrd", b"lsl", b"lyd",
    b"mad", b"mdl", b"mga", b"mkd", b"mmk", b"mnt", b"mop", b"mru", b"mur", b"mvr", b"mwk", b"mxn", b"mxv", b"myr",
    b"mzn", b"nad", b"ngn", b"nio", b"nok", b"npr", b"nzd", b"omr", b"pab", b"pen", b"pgk", b"php", b"pkr", b"pln",
    b"pyg", b"qar", b"ron", b"rsd", b"rub", b"rwf", b"sar", b"sbd", b"scr", b"sdg", b"sek", b"sgd", b"shp", b"sle",
    b"sos", b"srd", b"ssp", b"stn", b"svc", b"syp", b"szl", b"thb", b"tjs", b"tmt", b"tnd", b"top", b"try", b"ttd",
    b"twd", b"tzs", b"uah", b"ugx", b"usd", b"usn", b"uyi", b"uyu", b"uyw", b"uzs", b"ved", b"ves", b"vnd", b"vuv",
    b"wst", b"xad", b"xaf", b"xcd", b"xcg", b"xof", b"xpf", b"yer", b"zar", b"zmw", b"zwg",
];

/// What list three has as withdrawn since 2021: bookings and invoices of those days are still put.
#[rustfmt::skip]
const WITHDRAWN: [&[u8; 3]; 6] = [
    b"ang", b"bgn", b"cuc", b"hrk", b"sll", b"zwl",
];

/// Whether the code, in lower case, is that of a currency that amounts are or lately were in.
pub(super) fn is_listed(code: [u8; 3]) -> bool {
    CURRENT.binary_search(&&code).is_ok() || WITHDRAWN.contains(&&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_in_order() {
        assert!(CURRENT.is_sorted_by(|one, next| one < next));
        assert!(WITHDRAWN.iter().all(|code| CURRENT.binary_search(code).is_err()));
    }

    #[test]
    fn what_amounts_can_be_in_is_listed_and_nothing_else() {
        for code in [b"usd", b"eur", b"jpy", b"kwd", b"xof", b"xcg", b"zwg", b"isk", b"ugx", b"bgn", b"hrk"] {
            assert!(is_listed(*code), "{}", String::from_utf8_lossy(code));
        }
        for code in [b"xyz", b"xxx", b"xts", b"xau", b"xdr", b"dem", b"btc", b"USD", b"aaa", b"zzz"] {
            assert!(!is_listed(*code), "{}", String::from_utf8_lossy(code));
        }
    }
}
