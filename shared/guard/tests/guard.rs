//! Every row of IANA's special-purpose tables, the ways to hide an address, and the URLs that are let through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use sluice_guard::{BadTarget, Host, Loopback, Refused, Rules, Target};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
}

fn rules() -> Rules {
    Rules { own: vec![(Host::Name("hooks.sluice.example".to_owned()), 443)], ..Rules::default() }
}

/// First and last address of every range that is not reachable globally.
const REFUSED: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.0.8", "192.0.0.11"),
    ("192.0.0.170", "192.0.0.171"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("::", "::1"),
    ("::2", "::fffe:ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("6000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// The rows that are reachable globally, and the neighbours of those that are not.
const LET_THROUGH: &[&str] = &[
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "192.175.48.1",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2001:1::1",
    "2001:1::2",
    "2001:1::3",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:2f:ffff::1",
    "2001:30::1",
    "2001:200::",
    "2001:db7:ffff::1",
    "2001:db9::",
    "2003::1",
    "2620:4f:8000::1",
    "2606:4700:4700::1111",
    "3ffe:ffff::1",
    "3fff:1000::",
];

#[test]
fn every_special_range_is_refused_from_its_first_to_its_last_address() {
    for (first, last) in REFUSED {
        for address in [ip(first), ip(last)] {
            assert!(matches!(rules().judge(address), Err(Refused::Special { .. })), "{address} is let through");
        }
    }
}

#[test]
fn what_is_global_is_let_through() {
    for address in LET_THROUGH {
        assert_eq!(rules().judge(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn cloud_metadata_is_called_by_its_name() {
    for address in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
    {
        assert!(matches!(rules().judge(ip(address)), Err(Refused::Special { what: "cloud metadata", .. })), "{address}");
    }
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_decides() {
    for refused in ["::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::c0a8:1"] {
        assert!(rules().judge(ip(refused)).is_err(), "{refused}");
    }
    for global in ["::ffff:8.8.8.8", "64:ff9b::808:808"] {
        assert_eq!(rules().judge(ip(global)), Ok(()), "{global}");
    }
    // Tunnels and what is long out of use are refused, wherever they lead.
    for tunnel in ["::8.8.8.8", "::ffff:0:8.8.8.8", "2002:808:808::1", "2001:0:808:808::1", "2600::5efe:808:808", "2600::200:5efe:a00:1"] {
        assert!(rules().judge(ip(tunnel)).is_err(), "{tunnel}");
    }
}

#[test]
fn the_operators_own_ranges_are_refused_also_in_disguise() {
    let rules = Rules { refused: vec!["20.0.0.0/8".parse().unwrap(), "2600:1f18::/32".parse().unwrap()], ..Rules::default() };
    for address in ["20.1.2.3", "2600:1f18::1", "::ffff:20.1.2.3", "64:ff9b::1401:203"] {
        assert_eq!(rules.judge(ip(address)), Err(Refused::Operator { address: ip(address) }));
    }
    assert_eq!(rules.judge(ip("21.1.2.3")), Ok(()));
}

#[test]
fn one_address_that_is_refused_refuses_all() {
    let target = Target::parse("https://example.com/", &rules()).unwrap();
    let mixed = [ip("93.184.216.34"), ip("10.0.0.1")];
    assert!(matches!(rules().judge_all(&target, &mixed), Err(Refused::Special { what: "private use", .. })));
    assert_eq!(rules().judge_all(&target, &mixed[..1]), Ok(()));
    assert_eq!(rules().judge_all(&target, &[]), Err(Refused::Nowhere));
}

#[test]
fn urls_that_are_let_through() {
    for (url, host, port, path, authority) in [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("https://Example.COM./hook?a=1", "example.com", 443, "/hook?a=1", "example.com"),
        ("https://example.com:80/", "example.com", 80, "/", "example.com:80"),
        ("https://8.8.8.8/x", "8.8.8.8", 443, "/x", "8.8.8.8"),
        ("https://[2606:4700::1111]:443/x", "[2606:4700::1111]", 443, "/x", "[2606:4700::1111]"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    ] {
        let target = Target::parse(url, &rules()).unwrap_or_else(|bad| panic!("{url}: {bad}"));
        assert_eq!((target.host().to_string().as_str(), target.port(), target.path()), (host, port, path));
        assert_eq!(target.authority(), authority);
        assert!(target.is_secure());
    }
}

#[test]
fn urls_that_are_refused() {
    for url in [
        "",
        "example.com",
        "/hook",
        "https://",
        "https:///x",
        "https://exa mple.com",
        "https://example.com/é",
        "https://bücher.example/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com/#x",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:1.2.3.4:5]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://example.0x1/",
        "https://-a.example/",
        "https://a..example/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:/",
    ] {
        assert!(
            matches!(Target::parse(url, &rules()), Err(BadTarget::NotAUrl(_) | BadTarget::Address(_))),
            "{url}: {:?}",
            Target::parse(url, &rules())
        );
    }
    assert_eq!(Target::parse("http://example.com/", &rules()), Err(BadTarget::NotSecure));
    assert_eq!(Target::parse("ftp://example.com/", &rules()), Err(BadTarget::NotSecure));
    assert_eq!(Target::parse("https://user@example.com/", &rules()), Err(BadTarget::UserInfo));
    assert_eq!(Target::parse("https://example.com@10.0.0.1/", &rules()), Err(BadTarget::UserInfo));
    for port in [22, 25, 6379, 8443] {
        assert_eq!(Target::parse(&format!("https://example.com:{port}/"), &rules()), Err(BadTarget::Port(port)));
    }
    let more = Rules { ports: vec![8443], ..rules() };
    assert!(Target::parse("https://example.com:8443/", &more).is_ok());
    for own in ["https://hooks.sluice.example/", "https://HOOKS.sluice.example./x", "https://hooks.sluice.example:443/"] {
        assert_eq!(Target::parse(own, &rules()), Err(BadTarget::Own));
    }
    assert!(Target::parse("https://hooks.sluice.example:8443/", &more).is_ok(), "something else beside it");
    for local in ["https://localhost/", "https://a.localhost/", "https://intranet/", "https://db.internal/", "https://printer.local./"] {
        assert!(matches!(Target::parse(local, &rules()), Err(BadTarget::Local(_))), "{local}");
    }
    for literal in [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://0.0.0.0/",
    ] {
        assert!(matches!(Target::parse(literal, &rules()), Err(BadTarget::Address(_))), "{literal}");
    }
}

#[test]
fn this_machine_is_the_sender_itself_on_its_port_alone() {
    let own = vec![(Host::Name("localhost".to_owned()), 3000)];
    let rules = Rules { own, loopback: Loopback::Named, ..Rules::default() };
    for url in ["http://localhost:3000/webhooks/stripe", "http://127.0.0.1:3000/", "http://[::1]:3000/", "http://127.1.2.3:3000/"] {
        assert_eq!(Target::parse(url, &rules), Err(BadTarget::Own), "{url}");
    }
    for url in ["http://localhost:44101/hook", "http://127.0.0.1:44101/", "http://localhost/"] {
        assert!(Target::parse(url, &rules).is_ok(), "{url}");
    }
}

#[test]
fn for_development_this_machine_may_be_named_and_nothing_else_is_opened() {
    let rules = Rules { loopback: Loopback::Named, ..rules() };
    for url in ["http://127.0.0.1:9000/hook", "http://localhost:9000/", "https://[::1]:9000/", "http://localhost/"] {
        let target = Target::parse(url, &rules).unwrap_or_else(|bad| panic!("{url}: {bad}"));
        assert_eq!(rules.judge_all(&target, &[ip("127.0.0.1"), ip("::1")]), Ok(()));
        assert!(rules.judge_all(&target, &[ip("127.0.0.1"), ip("10.0.0.1")]).is_err());
    }
    for url in ["http://example.com/", "http://10.0.0.1/", "http://0.0.0.0:9000/", "http://a.localhost:9000/"] {
        assert!(Target::parse(url, &rules).is_err(), "{url}");
    }
    // A name that resolves to this machine is a trap, also here.
    let target = Target::parse("https://rebind.example/", &rules).unwrap();
    assert!(rules.judge_all(&target, &[ip("127.0.0.1")]).is_err());
}

/// The same by the library's own predicates, where it has stable ones.
fn plainly_private(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_documentation()
}

proptest! {
    #[test]
    fn private_addresses_never_pass_in_any_form(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        let verdict = rules().judge(address.into());
        if plainly_private(address) {
            prop_assert!(verdict.is_err());
        }
        // What carries the address passes if and only if the address does.
        let [a, b] = [(bits >> 16) as u16, bits as u16];
        for outer in [address.to_ipv6_mapped(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b)] {
            prop_assert_eq!(rules().judge(outer.into()).is_ok(), verdict.is_ok(), "{}", outer);
        }
        let literal = Target::parse(&format!("https://{address}/"), &rules());
        prop_assert_eq!(literal.is_ok(), verdict.is_ok());
    }

    #[test]
    fn ipv6_outside_of_global_unicast_never_passes(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let global = bits >> 125 == 1;
        let carries = matches!(address.segments(), [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..]);
        if !global && !carries {
            prop_assert!(rules().judge(address.into()).is_err());
        }
    }

    #[test]
    fn what_is_read_says_where_it_leads(host in "[a-z0-9.:\\[\\]%@_-]{1,20}", path in "[a-z/?@:.]{0,10}") {
        if let Ok(target) = Target::parse(&format!("https://{host}/{path}"), &Rules { loopback: Loopback::Named, ..rules() }) {
            prop_assert!(!host.contains('@') && !host.contains('%'));
            if let Host::Name(name) = target.host() {
                prop_assert!(host.starts_with(name.as_str()));
                prop_assert!(name.parse::<IpAddr>().is_err());
            }
        }
    }
}
