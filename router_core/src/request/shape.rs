//! The shape of request bodies: which members matter, and what each must be. Everything not named
//! here is skipped unread.

use super::Operation;

/// A place in a body that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Body(Operation),
    Model,
    Stream,
    MaxTokens,
    MaxCompletionTokens,
    Choices,
    Tools,
    ResponseFormat,
    FormatType,
    Logprobs,
    Messages,
    Message,
    Role,
    Content,
    Part,
    PartType,
    ToolCalls,
    ToolCall,
    Function,
    /// A string whose tokens count.
    Text,
    /// `prompt` or `input`.
    Prompts,
    Prompt,
    TokenIds,
    /// Skipped, but it prescribes the answer's form.
    Form,
    /// Skipped.
    Other,
}

/// Members by which servers are told to answer in a prescribed form, or in more than plain text.
const FORMS: [&str; 13] = [
    "audio",
    "best_of",
    "echo",
    "format",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "json_schema",
    "modalities",
    "structured_outputs",
    "suffix",
];

impl Slot {
    /// The slot of an object's member and its name.
    pub(super) fn member(self, key: &str) -> (Self, &'static str) {
        match (self, key) {
            (Self::Body(_), "model") => (Self::Model, "model"),
            (Self::Body(_), "stream") => (Self::Stream, "stream"),
            (Self::Body(_), "max_tokens") => (Self::MaxTokens, "max_tokens"),
            (Self::Body(_), "max_completion_tokens") => {
                (Self::MaxCompletionTokens, "max_completion_tokens")
            }
            (Self::Body(_), "n") => (Self::Choices, "n"),
            (Self::Body(_), "tools") => (Self::Tools, "tools"),
            (Self::Body(_), "functions") => (Self::Tools, "functions"),
            (Self::Body(_), "response_format") => (Self::ResponseFormat, "response_format"),
            (Self::Body(_), "logprobs") => (Self::Logprobs, "logprobs"),
            (Self::Body(_), name) if FORMS.contains(&name) => (Self::Form, ""),
            (Self::Body(Operation::Chat), "messages") => (Self::Messages, "messages"),
            (Self::Body(Operation::Completion), "prompt") => (Self::Prompts, "prompt"),
            (Self::Body(Operation::Embedding), "input") => (Self::Prompts, "input"),
            (Self::ResponseFormat, "type") => (Self::FormatType, "type"),
            (Self::Message, "role") => (Self::Role, "role"),
            (Self::Message, "content") => (Self::Content, "content"),
            (Self::Message, "tool_calls") => (Self::ToolCalls, "tool_calls"),
            (Self::Message, "function_call") => (Self::Function, "function_call"),
            (Self::Part, "type") => (Self::PartType, "type"),
            (Self::Part, "text") => (Self::Text, "text"),
            (Self::ToolCall, "function") => (Self::Function, "function"),
            (Self::Function, "name") => (Self::Text, "name"),
            (Self::Function, "arguments") => (Self::Text, "arguments"),
            _ => (Self::Other, ""),
        }
    }

    /// The slot of a list's elements, where this may be a list.
    pub(super) fn element(self) -> Option<Self> {
        match self {
            Self::Tools => Some(Self::Other),
            Self::Messages => Some(Self::Message),
            Self::Content => Some(Self::Part),
            Self::ToolCalls => Some(Self::ToolCall),
            Self::Prompts => Some(Self::Prompt),
            Self::Prompt => Some(Self::TokenIds),
            _ => None,
        }
    }

    pub(super) fn is_object(self) -> bool {
        matches!(
            self,
            Self::Body(_)
                | Self::ResponseFormat
                | Self::Message
                | Self::Part
                | Self::ToolCall
                | Self::Function
        )
    }

    /// An element or the body itself; anything else may be null, which is as good as absent.
    pub(super) fn needs_value(self) -> bool {
        matches!(
            self,
            Self::Body(_)
                | Self::Message
                | Self::Part
                | Self::ToolCall
                | Self::Prompt
                | Self::TokenIds
        )
    }

    /// What belongs here, for error messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Body(_)
            | Self::ResponseFormat
            | Self::Message
            | Self::Part
            | Self::ToolCall
            | Self::Function => "an object",
            Self::Model | Self::FormatType | Self::Role | Self::PartType | Self::Text => "a string",
            Self::Stream => "true or false",
            Self::MaxTokens | Self::MaxCompletionTokens => "an integer from 0 to 100000000",
            Self::Choices => "an integer from 1 to 100000000",
            Self::Tools => "a list",
            Self::Logprobs => "true, false or an integer",
            Self::Messages => "a list with at least one message",
            Self::Content => "a string or a list of content parts",
            Self::ToolCalls => "a list of tool calls",
            Self::Prompts => {
                "a string, or a list of strings, token ids or lists of token ids that is not empty"
            }
            Self::Prompt => "a string, a token id or a list of token ids",
            Self::TokenIds => "a token id",
            Self::Form | Self::Other => "anything",
        }
    }
}
