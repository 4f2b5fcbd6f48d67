//! Test bodies that every home must pass. They know a [`sluice_tests::Home`] and nothing else, and share its records with others.

pub(crate) mod answers;
pub(crate) mod bookings;
pub(crate) mod records;
pub(crate) mod script;
pub(crate) mod webhooks;

/// The secret of the source `acme`, which every home has.
pub(crate) const ACME: &str = "whsec_of_acme";
/// The tenant that it is bound to.
pub(crate) const TENANT: &str = "acme";

/// Hands every body to a macro, with the number of events that it leaves parked.
macro_rules! every_body {
    ($run:ident) => {
        $run! {
            answers::signatures_that_do_not_fit leaves 0 parked,
            answers::every_path_of_stripe leaves 0 parked,
            answers::methods_and_paths_that_are_not_there leaves 0 parked,
            answers::bodies_that_are_not_taken leaves 0 parked,
            answers::the_age_of_a_signature leaves 0 parked,
            answers::sources_have_their_own_secrets leaves 0 parked,
            bookings::a_payment_confirms_its_booking leaves 0 parked,
            bookings::an_event_is_applied_once_however_often_it_comes leaves 0 parked,
            bookings::a_refund_is_told leaves 0 parked,
            bookings::a_failed_payment_holds_the_booking leaves 0 parked,
            bookings::events_come_before_their_booking leaves 0 parked,
            bookings::a_payment_at_a_tenants_own_source_is_its_own leaves 0 parked,
            bookings::each_of_the_three_events_is_told_by_mail leaves 0 parked,
            records::a_body_is_kept_to_the_byte leaves 0 parked,
            records::a_body_that_is_not_called_text_is_kept_to_the_byte leaves 0 parked,
            records::a_large_body_is_kept_to_the_byte leaves 0 parked,
            records::an_unknown_type_is_recorded leaves 0 parked,
            records::what_has_lost_its_shape_is_parked_and_can_be_replayed leaves 1 parked,
            records::the_api_wants_its_key leaves 0 parked,
            script::a_script_of_all_providers_ends_in_the_same_records leaves 0 parked,
            webhooks::an_event_reaches_its_subscribers_signed leaves 0 parked,
            webhooks::a_verified_webhook_is_passed_on leaves 0 parked,
            webhooks::an_attempt_that_fails_is_made_again leaves 0 parked,
            webhooks::what_waits_is_tried_once_its_subscription_is_enabled leaves 0 parked,
            webhooks::what_has_failed_is_recovered leaves 0 parked,
            webhooks::a_receiver_takes_its_leave leaves 0 parked,
            webhooks::a_key_publishes_once leaves 0 parked,
            webhooks::what_was_published_of_an_erased_person_is_erased leaves 0 parked,
        }
    };
}

pub(crate) use every_body;
