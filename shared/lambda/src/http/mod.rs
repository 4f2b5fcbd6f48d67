//! Requests and answers as an HTTP API hands them to a function
//! ([payload format 2.0](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html)).

mod answer;
mod event;

pub use answer::HttpAnswer;
pub use event::{HttpEvent, Unreadable};
