//! Acting as another user (`Impersonate-User` and `Impersonate-Group`).

use http::HeaderMap;

use super::authorize;
use crate::{
    api::RequestInfo,
    config::UserInfo,
    status::{ApiError, ApiResult},
};

/// The user that a request acts as: its own, or one that its own may act as.
pub(crate) fn effective_user(user: UserInfo, headers: &HeaderMap) -> ApiResult<UserInfo> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(ToOwned::to_owned)
        .collect();
    let Some(name) = text("impersonate-user").filter(|name| !name.is_empty()) else {
        if groups.is_empty() {
            return Ok(user);
        }
        return Err(ApiError::internal("requested groups without impersonating a user"));
    };
    authorize(&user, &request("users", name, &user))?;
    for group in &groups {
        authorize(&user, &request("groups", group, &user))?;
    }
    let groups = if groups.is_empty() { implied_groups(name) } else { groups };
    Ok(UserInfo { name: name.to_owned(), groups })
}

fn request(resource: &str, name: &str, user: &UserInfo) -> RequestInfo {
    RequestInfo {
        verb: "impersonate".to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        user: user.name.clone(),
        ..RequestInfo::default()
    }
}

/// The groups that a service account has by its name.
fn implied_groups(name: &str) -> Vec<String> {
    let Some((namespace, _)) =
        name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
    else {
        return Vec::new();
    };
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}
