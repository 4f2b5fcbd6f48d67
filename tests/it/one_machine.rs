//! What every home passes, passed on one machine.

use sluice_tests::{Home, machine::Machine};

use crate::{bodies::every_body, machine::dev};

fn home() -> Machine {
    dev().set("STRIPE_WEBHOOK_SECRET__ACME", crate::bodies::ACME).set("SLUICE_TENANT__ACME", crate::bodies::TENANT).start()
}

fn parked(home: &mut Machine, parked: u64) {
    home.may_leave(sluice_tests::machine::Leftovers { parked, ..Default::default() });
}

macro_rules! run_on_one_machine {
    ($($module:ident::$body:ident leaves $parked:literal parked),* $(,)?) => {
        $(
            #[test]
            fn $body() {
                let mut home = home();
                parked(&mut home, $parked);
                crate::bodies::$module::$body(&home as &dyn Home);
            }
        )*
    };
}

every_body!(run_on_one_machine);
