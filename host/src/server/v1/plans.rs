//! What a restore would do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::plan::{Options, Plan};
use crate::restore;
use crate::server::auth::Asker;
use crate::server::jobs::RestoreTask;
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::asks::{Content, Sent};
use super::restores::{Archive, checked};
use super::starting::check_archive;

/// A plan that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPlan {
    /// What would be restored.
    archive: Archive,
    /// The target's name.
    target: String,
    /// How.
    #[serde(default)]
    options: Option<Options>,
}

impl Content for NewPlan {}

/// Says what a restore would do, and writes nothing: what keeps it from starting is among the findings
#[utoipa::path(post, path = "/v1/plans", tag = "restores", request_body = NewPlan, responses((status = 200, description = "The plan", body = Plan)))]
pub(super) async fn plan(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    Sent { value: NewPlan { archive, target, options }, .. }: Sent<NewPlan>,
) -> Answer<Json<Plan>> {
    identity.target(&target)?;
    let archive = archive.place(&identity)?;
    let options = checked(options.unwrap_or_default())?;
    let (restore, identity) = {
        let (server, task) =
            (Arc::clone(&server), RestoreTask { archive, target, options: Box::new(options.clone()), plan: None });
        blocking(move || {
            check_archive(&server, &identity, &task.archive)?;
            Ok((server.places.restore(&task)?, identity))
        })
        .await?
    };
    let plan = restore::plan(&restore, &options).await?;
    (server.places.may_restore)(&identity.user, &plan)?;
    Ok(Json(plan))
}
