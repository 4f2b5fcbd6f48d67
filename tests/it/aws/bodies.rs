//! What every home passes, passed by the template as it stands.

use sluice_tests::{Home, aws::Stack};

use crate::bodies::every_body;

macro_rules! run_on_aws {
    ($($module:ident::$body:ident leaves $parked:literal parked),* $(,)?) => {
        $(
            #[test]
            #[ignore = "wants a deployed stack: cargo xtask e2e"]
            fn $body() {
                let stack = Stack::shared("sluice");
                crate::bodies::$module::$body(&*stack as &dyn Home);
            }
        )*
    };
}

every_body!(run_on_aws);
