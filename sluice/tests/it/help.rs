use super::refused;

#[test]
fn send() {
    insta::assert_snapshot!(refused(&["send", "--help"]).to_string());
}

#[test]
fn verify() {
    insta::assert_snapshot!(refused(&["verify", "--help"]).to_string());
}

#[test]
fn listen() {
    insta::assert_snapshot!(refused(&["listen", "--help"]).to_string());
}
