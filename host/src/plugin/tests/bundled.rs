//! Our own plugins as they are embedded.

use super::*;
use crate::plugin::bundled::BUNDLED;
use crate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};

/// Keeps one principal.
#[derive(Clone, Default)]
struct Principals(Arc<Mutex<(Option<Principal>, PrincipalSummary)>>);

impl Work for Principals {
    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        self.0.lock().unwrap().0 = Some(principal);
        Ok(())
    }
    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        self.0.lock().unwrap().1.memberships += memberships.len() as u32;
        Ok(())
    }
    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        self.0.lock().unwrap().1.permissions += permissions.len() as u32;
        Ok(())
    }
    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        self.0.lock().unwrap().1.tokens += tokens.len() as u32;
        Ok(())
    }
    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        let staged = self.0.lock().unwrap();
        Ok(staged.0.as_ref().map(|_| staged.1))
    }
    fn commit(self: Box<Self>, _: Counts) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_user_comes_back_with_all_that_belongs_to_it() {
    let Some((name, component)) = BUNDLED.iter().find(|(name, _)| *name == "users") else { return };
    let plugin = load::own(name, component, &options()).unwrap();
    assert!(plugin.inspection.missing_grants.is_empty());
    let attributes = r#"{"login": true, "password_hash": "SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5", "attributes": {"team": "ops"},
        "memberships": [{"role": "readers", "admin": false}], "permissions": [{"privilege": "SELECT", "grantable": true}],
        "tokens": [{"id": "t1", "hash": "abc", "description": "", "expires": null}]}"#;
    let name = ObjectName::new("user", None, "ada");
    let object = Object {
        name: name.clone(),
        attributes: RawValue::from_string(attributes.to_owned()).unwrap(),
        depends: Vec::new(),
        entries: Vec::new(),
        section: crate::catalog::Section::PreData,
    };
    let view = ObjectView {
        object: Arc::new(object),
        into: name,
        definitions_only: false,
        rows_only: false,
        leave_out: Default::default(),
    };
    let outlooks = plugin.plan(std::slice::from_ref(&view), &surroundings(), &Cancel::default()).unwrap();
    assert_eq!(outlooks[0].findings, []);

    let source = Arc::new(Memory { bytes: b"", fails: None });
    let mut session = plugin.session_over(view, &surroundings(), source, true, Cancel::default()).unwrap();
    let staged = Principals::default();
    session.give(Box::new(staged.clone()));
    session.begin().unwrap();
    session.end().unwrap();
    assert_eq!(session.verify().unwrap(), []);
    let staged = staged.0.lock().unwrap();
    assert!(staged.0.as_ref().unwrap().password_hash.as_ref().unwrap().starts_with("SCRAM-SHA-256$"));
    assert_eq!(staged.1, PrincipalSummary { memberships: 1, permissions: 1, tokens: 1 });
}
