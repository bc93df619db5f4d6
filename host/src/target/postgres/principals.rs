//! Users and roles, made in the switch.

use crate::error::Result;
use crate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};

use super::work::PostgresWork;

pub(super) fn create(work: &mut PostgresWork, principal: Principal) -> Result<()> {
    unimplemented!()
}

pub(super) fn add_memberships(work: &mut PostgresWork, memberships: Vec<Membership>) -> Result<()> {
    unimplemented!()
}

pub(super) fn add_permissions(work: &mut PostgresWork, permissions: Vec<Permission>) -> Result<()> {
    unimplemented!()
}

pub(super) fn add_tokens(work: &mut PostgresWork, tokens: Vec<Token>) -> Result<()> {
    unimplemented!()
}

pub(super) fn summarize(work: &mut PostgresWork) -> Result<Option<PrincipalSummary>> {
    unimplemented!()
}
