//! Whether a request may start: what it asks for, what that may cost, and the budget's room for it.

use ambient_protocol::broker::Upstream;
use ambient_protocol::models::Price;

use crate::account::{Charge, Order};
use crate::asked::Asked;
use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::estimate::{Estimate, tokens_of};
use crate::hosted;
use crate::refusal::Refusal;
use crate::runs::Run;
use crate::server::Shared;

/// What the body says that a model is asked with.
pub(crate) fn details(asked: &Endpoint, body: &[u8]) -> Result<Option<Asked>, Refusal> {
    if !asked.is_of_model() {
        return Ok(None);
    }
    let details = Asked::parse(body).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if details.is_background() { Err(Refusal::Background) } else { Ok(Some(details)) }
}

/// Lets a request start that a model will answer, and gives the model with what keeps its place.
pub(crate) async fn admitted(
    shared: &Shared,
    run: &Run,
    upstream: &Upstream,
    (asked, details): (&Endpoint, Option<Asked>),
    bytes: usize,
) -> Result<(String, Option<Charge>), Refusal> {
    let (Some(details), Endpoint::Generate { model } | Endpoint::CountTokens { model }) = (details, asked)
    else {
        return Ok((String::new(), None));
    };
    let model = model.clone().or_else(|| details.model.clone()).ok_or(Refusal::NoModel)?;
    if !shared.models.allows(&upstream.models, &model) {
        return Err(Refusal::Model { model, allowed: upstream.models.join(", ") });
    }
    if matches!(asked, Endpoint::CountTokens { .. }) {
        return Ok((model, None));
    }
    let (budget, dialect) = (&run.binding.budget, Dialect::of(upstream.kind));
    let price = shared.models.price(&model).copied();
    if budget.max_cost.is_some() {
        affordable(&details, dialect, &model, price.as_ref())?;
    }
    let estimate = Estimate {
        input: tokens_of(u64::try_from(bytes).unwrap_or(u64::MAX)),
        most_output: details.most_output(),
        searches: u64::from(hosted::may_search(&details, dialect)),
    };
    let recalls = details.recalls();
    let order = Order { upstream: upstream.name.clone(), model: model.clone(), price, estimate, recalls };
    let charge = run.account.admit(budget, order, shared.limits.budget_wait).await?;
    Ok((model, Some(charge)))
}

/// Refuses what has a price that is not known.
fn affordable(details: &Asked, dialect: Dialect, model: &str, price: Option<&Price>) -> Result<(), Refusal> {
    let price = price.ok_or_else(|| Refusal::NoPrice(model.to_owned()))?;
    if let Some(dearer) = details.dearer() {
        return Err(Refusal::Dearer(dearer.to_owned()));
    }
    match hosted::unpriced(details, dialect, price) {
        Some(tool) => Err(Refusal::Hosted { tool, model: model.to_owned() }),
        None => Ok(()),
    }
}
