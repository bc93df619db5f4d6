//! `principals`: the user or role that is being restored, and what belongs to it.

use wasmtime::component::{HasSelf, Linker};

use crate::plugin::bindings::reinstate::plugin::principals::{
    self, Host, Membership, Permission, Principal, Summary, Token,
};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::state::{State, weight};
use crate::target::definition;

impl Host for State {
    fn create(&mut self, principal: Principal) -> Result<(), Failure> {
        let principal = definition::Principal::from(principal);
        self.write("principals.create", weight(&principal), |work| work.create_principal(principal))
    }

    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<(), Failure> {
        let all: Vec<definition::Membership> = memberships.into_iter().map(Into::into).collect();
        self.write("principals.add-memberships", weight(&all), |work| work.add_memberships(all))
    }

    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<(), Failure> {
        let all: Vec<definition::Permission> = permissions.into_iter().map(Into::into).collect();
        self.write("principals.add-permissions", weight(&all), |work| work.add_permissions(all))
    }

    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<(), Failure> {
        let all: Vec<definition::Token> = tokens.into_iter().map(Into::into).collect();
        self.write("principals.add-tokens", weight(&all), |work| work.add_tokens(all))
    }

    fn summarize(&mut self) -> Result<Option<Summary>, Failure> {
        self.look(|work| Ok(work.principal_summary()?.map(Into::into)))
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    principals::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
