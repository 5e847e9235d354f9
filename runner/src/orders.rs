//! What people want of a run under way, from the server to the attempt: it alone knows what can be done, and answers.

use ambient_protocol::RunAgentInput;
use ambient_protocol::answers::{Answer, AnswersReceipt};
use ambient_protocol::events::Interrupt;
use ambient_protocol::fitting::misfit;
use ambient_protocol::input::Message;
use tokio::sync::oneshot;

/// A wish, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) wish: Wish,
    /// The subject of the token.
    pub(crate) by: String,
    reply: oneshot::Sender<Reply>,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    /// The attempt's first turn. It has been claimed: it is begun, or the run has ended.
    Begin(Box<RunAgentInput>),
    /// A message: in a turn it steers, between two it begins one.
    Say(Message),
    /// Answers to the open questions.
    Answer(Vec<Answer>),
    /// The turn is to be broken off.
    BreakOff,
    /// The agent is to work with another model.
    UseModel(String),
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Taken {
    /// What follows from it stands in the log after this event.
    After(u64),
    /// The same, where it stands within the turn that goes on.
    Within(u64),
    /// The answers, now or before.
    Answered(AnswersReceipt),
}

pub(crate) type Reply = Result<Taken, Unwanted>;

impl Order {
    pub(crate) fn new(wish: Wish, by: &str) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, answer) = oneshot::channel();
        (Self { wish, by: by.to_owned(), reply }, answer)
    }

    /// Answers. Whoever asked and went away does not need it.
    pub(crate) fn reply(self, reply: Reply) {
        let _ = self.reply.send(reply);
    }

    /// Parts the wish from its answer.
    pub(crate) fn open(self) -> (Wish, String, Answering) {
        (self.wish, self.by, Answering(self.reply))
    }
}

/// Where the answer to a wish goes.
#[derive(Debug)]
pub(crate) struct Answering(oneshot::Sender<Reply>);

impl Answering {
    pub(crate) fn reply(self, reply: Reply) {
        let _ = self.0.send(reply);
    }

    /// Answers as somebody else answers, who has done so already.
    pub(crate) fn pass_on(self, mut answer: oneshot::Receiver<Reply>) {
        self.reply(answer.try_recv().unwrap_or(Err(Unwanted::Ended)));
    }
}

/// Why a wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwanted {
    #[error("the agent waits for answers to {0}; answer first, at /answers")]
    QuestionsOpen(String),
    #[error("no question is open")]
    NoQuestion,
    #[error("no question \"{0}\" is open")]
    UnknownQuestion(String),
    #[error("all open questions are to be answered together; missing: {0}")]
    Unanswered(String),
    #[error("the answer to \"{question}\" does not fit it: {why}")]
    Unfit { question: String, why: String },
    #[error("this message has been said before; follow it at /events")]
    SaidBefore,
    #[error(
        "this agent can be told nothing while it works: wait for its answer, or break the turn off at /interrupt"
    )]
    Deaf,
    #[error("this agent works with the model that it was started with")]
    ModelFixed,
    #[error("not the name of a model: letters, digits and -_.:/@[], at most 256 of them")]
    NoModelName,
    #[error("the project does not allow this model; it allows: {0}")]
    ModelNotAllowed(String),
    #[error("no turn has begun; a run is begun by its operator")]
    NotBegun,
    #[error("no turn is going on")]
    NoTurn,
    #[error("this attempt has ended")]
    Ended,
}

/// The ids of questions, for messages.
pub(crate) fn named(questions: &[Interrupt]) -> String {
    questions.iter().map(|question| format!("\"{}\"", question.id)).collect::<Vec<_>>().join(", ")
}

/// Whether answers are those to all open questions, each once, and fit them.
pub(crate) fn check(open: &[Interrupt], answers: &[Answer]) -> Result<(), Unwanted> {
    if open.is_empty() {
        return Err(Unwanted::NoQuestion);
    }
    let is_to = |answer: &Answer, question: &Interrupt| answer.interrupt_id == question.id;
    if let Some(unknown) = answers.iter().find(|answer| !open.iter().any(|question| is_to(answer, question)))
    {
        return Err(Unwanted::UnknownQuestion(unknown.interrupt_id.clone()));
    }
    let missing =
        open.iter().filter(|question| answers.iter().filter(|answer| is_to(answer, question)).count() != 1);
    let missing: Vec<_> = missing.cloned().collect();
    if !missing.is_empty() {
        return Err(Unwanted::Unanswered(named(&missing)));
    }
    let pairs =
        answers.iter().filter_map(|answer| Some((open.iter().find(|one| is_to(answer, one))?, answer)));
    let unfit =
        pairs.filter_map(|(question, answer)| Some((question.id.clone(), misfit(question, answer)?))).next();
    unfit.map_or(Ok(()), |(question, why)| Err(Unwanted::Unfit { question, why }))
}

#[cfg(test)]
mod tests {
    use ambient_protocol::answers::{Consent, TOOL_CALL};
    use serde_json::json;

    use super::*;

    #[test]
    fn all_open_questions_are_answered_once_or_none_is() {
        let cases = [
            (&["a", "b"][..], &["b", "a"][..], Ok(())),
            (&["a", "b"], &["a"], Err("all open questions are to be answered together; missing: \"b\"")),
            (&["a"], &[], Err("all open questions are to be answered together; missing: \"a\"")),
            (&["a"], &["a", "a"], Err("all open questions are to be answered together; missing: \"a\"")),
            (&["a"], &["a", "x"], Err("no question \"x\" is open")),
            (&[], &["a"], Err("no question is open")),
        ];
        for (open, answers, expected) in cases {
            let questions: Vec<_> = open.iter().map(|id| Interrupt::new(id, TOOL_CALL)).collect();
            let answers: Vec<_> = answers.iter().map(|id| Answer::allow(id)).collect();
            let found = check(&questions, &answers).map_err(|unwanted| unwanted.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{open:?}");
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_no_answer() {
        let question =
            Interrupt { response_schema: Some(Consent::schema(false)), ..Interrupt::new("q", TOOL_CALL) };
        let yes = Answer::resolved("q", json!({"approved": "yes"}));
        let unwanted = check(std::slice::from_ref(&question), &[yes]).unwrap_err().to_string();
        assert_eq!(
            unwanted,
            "the answer to \"q\" does not fit it: \"approved\" is to be boolean, and is \"yes\""
        );
        assert_eq!(check(&[question], &[Answer::deny("q", None)]), Ok(()));
    }
}
