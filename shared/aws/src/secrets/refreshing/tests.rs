use std::sync::{
    Mutex as StdMutex,
    atomic::{AtomicU32, Ordering},
};

use sluice_core::testing::ManualClock;

use super::*;

const START: Timestamp = Timestamp::MIN;

/// A vault with one value for all references, or none.
struct Vault {
    value: StdMutex<Option<&'static str>>,
    fetches: AtomicU32,
}

impl Vault {
    fn set(&self, value: Option<&'static str>) {
        *self.value.lock().unwrap() = value;
    }

    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Fetch for Vault {
    async fn fetch(&self, reference: &Reference) -> Result<Secret, FetchError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let value = *self.value.lock().unwrap();
        value.map(Secret::new).ok_or_else(|| FetchError::new(reference, "the vault is closed"))
    }
}

struct Case {
    vault: Arc<Vault>,
    clock: Arc<ManualClock>,
    secrets: RefreshingSecrets,
}

async fn start(values: &[&str], vault: Option<&'static str>) -> Result<Case, Vec<FetchError>> {
    let mut fixed = FixedSecrets::default();
    fixed.insert("stripe", "default", values.iter().map(|value| Secret::new(*value)).collect());
    let vault = Arc::new(Vault { value: StdMutex::new(vault), fetches: AtomicU32::new(0) });
    let clock = Arc::new(ManualClock::at(START));
    let fetch = Arc::clone(&vault) as Arc<dyn Fetch>;
    let secrets = RefreshingSecrets::start(
        provider::ALL,
        &fixed,
        &SourceTenants::default(),
        fetch,
        Arc::clone(&clock) as Arc<dyn Clock>,
        RefreshingSecrets::EVERY,
    )
    .await?;
    Ok(Case { vault, clock, secrets })
}

impl Case {
    fn active(&self) -> Vec<String> {
        let active = self.secrets.active("stripe", "default").expect("the source is known");
        active.iter().map(|secret| secret.reveal().to_owned()).collect()
    }

    async fn refreshed(&self) -> Option<Vec<String>> {
        let refreshed = self.secrets.refreshed("stripe", "default").await?;
        Some(refreshed.iter().map(|secret| secret.reveal().to_owned()).collect())
    }
}

#[tokio::test]
async fn values_and_references_stand_side_by_side() {
    let case = start(&["whsec_old", "ssm:/stripe"], Some("whsec_a, whsec_b")).await.unwrap();
    assert_eq!(case.active(), ["whsec_old", "whsec_a", "whsec_b"]);
    assert!(case.secrets.active("stripe", "acme").is_none());
    assert!(!format!("{:?}", case.secrets).contains("whsec"));
}

/// A token of Twilio's says which account it is of; one that is kept elsewhere, too.
#[tokio::test]
async fn values_are_read_as_their_provider_writes_them() {
    const TWO: &str = "token, AC0123456789abcdef0123456789abcdef:another";
    let mut fixed = FixedSecrets::default();
    fixed.insert("twilio", "default", vec![Secret::new("ssm:/twilio")]);
    let vault = Vault { value: StdMutex::new(Some(TWO)), fetches: AtomicU32::new(0) };
    let clock = Arc::new(ManualClock::at(START));
    let secrets =
        RefreshingSecrets::start(provider::ALL, &fixed, &SourceTenants::default(), Arc::new(vault), clock, RefreshingSecrets::EVERY)
            .await
            .unwrap();
    let active = secrets.active("twilio", "default").expect("the source is known");
    let read: Vec<_> = active.iter().map(|secret| (secret.name(), secret.reveal())).collect();
    assert_eq!(read, [(None, "token"), (Some("AC0123456789abcdef0123456789abcdef"), "another")]);
}

#[tokio::test]
async fn a_rotated_secret_is_found_when_none_fits_and_not_asked_for_too_often() {
    let case = start(&["ssm:/stripe"], Some("one")).await.unwrap();
    case.vault.set(Some("one,two"));
    // Although they were fetched just now, at start.
    assert_eq!(case.refreshed().await, Some(vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(case.active(), ["one", "two"]);
    let fetches = case.vault.fetches();
    assert_eq!(case.refreshed().await.map(|secrets| secrets.len()), Some(2), "whoever read before the refresh gets its outcome");
    assert_eq!(case.vault.fetches(), fetches);
    case.clock.advance(RefreshingSecrets::AT_MOST_EVERY);
    assert_eq!(case.refreshed().await, None, "nothing newer");
    assert_eq!(case.vault.fetches(), fetches + 1);
}

#[tokio::test]
async fn a_secret_that_was_taken_out_goes_with_time() {
    let case = start(&["ssm:/stripe"], Some("one,two")).await.unwrap();
    case.vault.set(Some("two"));
    case.clock.advance(RefreshingSecrets::EVERY - Duration::from_millis(1));
    case.secrets.keep_fresh().await;
    assert_eq!(case.active(), ["one", "two"]);
    case.clock.advance(Duration::from_millis(1));
    case.secrets.keep_fresh().await;
    assert_eq!(case.active(), ["two"]);
    assert_eq!(case.vault.fetches(), 2);
}

#[tokio::test]
async fn old_values_stay_if_a_refresh_fails() {
    let case = start(&["ssm:/stripe"], Some("one")).await.unwrap();
    for broken in [None, Some(" , ")] {
        case.vault.set(broken);
        case.clock.advance(RefreshingSecrets::EVERY);
        case.secrets.keep_fresh().await;
        assert_eq!(case.active(), ["one"]);
        assert_eq!(case.refreshed().await, None);
    }
    case.vault.set(Some("two"));
    case.clock.advance(RefreshingSecrets::EVERY);
    case.secrets.keep_fresh().await;
    assert_eq!(case.active(), ["two"]);
}

#[tokio::test]
async fn a_refresh_of_old_values_does_not_keep_a_rotated_secret_out() {
    let case = start(&["ssm:/stripe"], Some("one")).await.unwrap();
    case.vault.set(Some("two"));
    case.clock.advance(RefreshingSecrets::EVERY);
    case.secrets.keep_fresh().await;
    assert_eq!(case.refreshed().await, Some(vec!["two".to_owned()]), "also for whoever read before it");
    case.vault.set(Some("three"));
    assert_eq!(case.refreshed().await, Some(vec!["two".to_owned()]), "asked for just now");
    case.clock.advance(RefreshingSecrets::AT_MOST_EVERY);
    assert_eq!(case.refreshed().await, Some(vec!["three".to_owned()]));
}

#[tokio::test]
async fn nothing_is_fetched_where_nothing_is_referred_to() {
    let case = start(&["whsec_a"], None).await.unwrap();
    case.clock.advance(RefreshingSecrets::EVERY);
    case.secrets.keep_fresh().await;
    assert_eq!(case.refreshed().await, None);
    assert_eq!((case.active(), case.vault.fetches()), (vec!["whsec_a".to_owned()], 0));
}

#[tokio::test]
async fn a_start_without_the_values_is_refused() {
    let errors = start(&["ssm:/a", "secretsmanager:b"], None).await.err().expect("the vault is closed");
    assert_eq!(errors.len(), 1, "one for each source: {errors:?}");
    assert!(start(&["arn:aws:s3:::bucket"], Some("x")).await.is_err());
    assert!(start(&["ssm:/a"], Some(",")).await.is_err(), "nothing in it");
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let case = start(&["ssm:/stripe"], Some("one")).await.unwrap();
    case.vault.set(Some("two"));
    case.clock.advance(RefreshingSecrets::AT_MOST_EVERY);
    let answers = join_all((0..20).map(|_| case.refreshed())).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Some(&["two".to_owned()][..])), "{answers:?}");
    assert_eq!(case.vault.fetches(), 2);
}

/// Answers each reference with its name: what stands behind two may become the same.
struct Named(StdMutex<BTreeMap<String, &'static str>>);

#[async_trait]
impl Fetch for Named {
    async fn fetch(&self, reference: &Reference) -> Result<Secret, FetchError> {
        Ok(Secret::new(self.0.lock().unwrap()[&reference.name]))
    }
}

#[tokio::test]
async fn a_secret_of_a_tenant_s_source_is_nobody_else_s() {
    let mut fixed = FixedSecrets::default();
    fixed.insert("stripe", "default", vec![Secret::new("ssm:/own")]);
    fixed.insert("stripe", "acme", vec![Secret::new("ssm:/acme")]);
    let mut tenants = SourceTenants::default();
    tenants.bind("acme", "acme");
    let vault = Arc::new(Named(StdMutex::default()));
    let put = |name: &str, value| {
        vault.0.lock().unwrap().insert(name.to_owned(), value);
    };
    let clock = Arc::new(ManualClock::at(START));
    let start = async |tenants: &SourceTenants| {
        let (fetch, clock) = (Arc::clone(&vault) as Arc<dyn Fetch>, Arc::clone(&clock) as Arc<dyn Clock>);
        RefreshingSecrets::start(provider::ALL, &fixed, tenants, fetch, clock, RefreshingSecrets::EVERY).await
    };
    put("/own", "whsec_hidden");
    put("/acme", "whsec_hidden");
    let problems = start(&tenants).await.unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    let text = problem.to_string();
    assert!(text.contains("STRIPE_WEBHOOK_SECRET of default") && text.contains("STRIPE_WEBHOOK_SECRET of acme"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    start(&SourceTenants::default()).await.expect("both are the operator's");

    put("/acme", "whsec_acme");
    let secrets = start(&tenants).await.expect("each has its own");
    let active = |source| secrets.active("stripe", source).expect("the source is known")[0].reveal().to_owned();
    put("/acme", "whsec_hidden");
    clock.advance(RefreshingSecrets::EVERY);
    secrets.keep_fresh().await;
    assert_eq!((active("default"), active("acme")), ("whsec_hidden".to_owned(), "whsec_acme".to_owned()), "the one known stays");
    put("/acme", "whsec_new");
    clock.advance(RefreshingSecrets::EVERY);
    secrets.keep_fresh().await;
    assert_eq!(active("acme"), "whsec_new");
}
