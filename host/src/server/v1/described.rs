//! What is the same for all operations of the description: who may call them, and how they say that something is wrong.

use std::sync::Arc;

use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::server::Server;
use crate::server::problem::ProblemBody;

/// Paths that answer everybody.
const ANONYMOUS: [&str; 3] = ["/v1/health", "/v1/ready", "/v1/openapi.json"];

/// Operations that do without their body.
const BODY_MAY_BE_ABSENT: [&str; 2] = ["verify_backup", "merge_backup"];

/// What can go wrong with every request of somebody,
const ALWAYS: [(&str, &str); 8] = [
    ("400", "The request cannot be understood"),
    ("401", "Who asks was not recognised"),
    ("403", "Who asks may not do that"),
    ("404", "There is nothing of that name"),
    ("409", "What is there does not allow it"),
    ("429", "Too many requests"),
    ("500", "It failed"),
    ("503", "The server is being stopped, or cannot keep jobs"),
];
/// with one that has a body,
const WITH_BODY: [(&str, &str); 3] = [
    ("408", "The body came too slowly"),
    ("413", "The body is too large"),
    ("415", "The body is of a type that is not understood here"),
];
/// and with one that starts something.
const STARTING: [(&str, &str); 1] = [("422", "The idempotency key was used for another request")];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "reinstate",
        description = "Restores kinds of objects from backups into live systems. Whatever takes long is a job: start it, watch it, steer it. \
            Errors are problem+json with stable codes.",
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "server", description = "The server itself"),
        (name = "me", description = "Who asks, and their tokens"),
        (name = "places", description = "Targets, repositories and plugins, as the configuration names them"),
        (name = "backups", description = "Backups and their snapshots"),
        (name = "restores", description = "Archives, plans and restores"),
        (name = "jobs", description = "Jobs: watched and steered"),
    )
)]
struct Described;

/// A description without operations.
pub(super) fn empty() -> OpenApi {
    let mut document = Described::openapi();
    let schemes = [("bearer", HttpAuthScheme::Bearer), ("basic", HttpAuthScheme::Basic)];
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes {
        components.add_security_scheme(name, SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build()));
    }
    document
}

/// Adds to every operation what is the same for all.
pub(super) fn completed(mut router: OpenApiRouter<Arc<Server>>) -> OpenApiRouter<Arc<Server>> {
    for (path, item) in &mut router.get_openapi_mut().paths.paths {
        let anonymous = ANONYMOUS.contains(&path.as_str());
        operations(item).for_each(|operation| complete(operation, anonymous));
    }
    router
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn complete(operation: &mut Operation, anonymous: bool) {
    if anonymous {
        operation.security = Some(Vec::new());
        return;
    }
    let needs = |scheme: &str| SecurityRequirement::new::<_, [String; 0], String>(scheme, []);
    operation.security = Some(vec![needs("bearer"), needs("basic")]);
    let mut problems = ALWAYS.to_vec();
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        problems.extend(WITH_BODY);
        if BODY_MAY_BE_ABSENT.map(Some).contains(&operation.operation_id.as_deref()) {
            body.required = Some(Required::False);
        }
    }
    if takes_key(operation) {
        problems.extend(STARTING);
    }
    for (status, description) in problems {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn takes_key(operation: &Operation) -> bool {
    let named = |parameter: &RefOr<utoipa::openapi::path::Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.name == super::asks::KEY);
    operation.parameters.iter().flatten().any(named)
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
