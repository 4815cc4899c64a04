#include "http/problem.hpp"

#include <string>
#include <utility>
#include <vector>

#include <mpf/base/reflect.hpp>
#include <mpf/http/retry_later.hpp>

#include "http/status.hpp"

namespace mpf::http {

namespace {

struct ProblemField {
  std::string path;
  std::string code;
  std::string message;
  static constexpr auto describe() {
    return mpf::describe(field<&ProblemField::path>(), field<&ProblemField::code>(),
                         field<&ProblemField::message>());
  }
};

/// RFC 9457. `type` is left at its default, "about:blank": the title is then the status's own phrase.
struct Problem {
  std::string type = "about:blank";
  std::string title;
  int status = 500;
  std::string detail;
  std::string code;
  std::string request_id;
  std::vector<ProblemField> errors;
  static constexpr auto describe() {
    return mpf::describe(field<&Problem::type>(), field<&Problem::title>(), field<&Problem::status>(),
                         field<&Problem::detail>(), field<&Problem::code>(), field<&Problem::request_id>(),
                         field<&Problem::errors>());
  }
};

Response answer(Problem problem) {
  problem.title = status_phrase(problem.status);
  Response response;
  response.status = problem.status;
  response.headers.add("Content-Type", "application/problem+json");
  response.headers.add("Cache-Control", "no-store");
  response.body = to_json(problem);
  return response;
}

}  // namespace

Response problem_response(int status, std::string_view code, std::string_view detail,
                          std::string_view request_id) {
  Problem problem;
  problem.status = status;
  problem.code = code;
  problem.detail = detail;
  problem.request_id = request_id;
  return answer(std::move(problem));
}

Response Response::problem(const Error& error, std::string_view request_id) {
  Problem problem;
  problem.status = http_status(error.kind());
  problem.detail = error.public_message();
  problem.code = to_string(error.kind());
  problem.request_id = request_id;
  if (const auto* validation = dynamic_cast<const ValidationError*>(&error)) {
    for (const auto& [path, code, message] : validation->fields()) {
      problem.errors.push_back({path, code, message});
    }
    // What is no JSON at all is a bad request; JSON with unfit values is one that cannot be processed.
    const bool malformed = problem.errors.size() == 1 && problem.errors.front().code == "syntax";
    if (!malformed) problem.status = 422;
  }
  auto response = answer(std::move(problem));
  if (const auto* later = dynamic_cast<const RetryLater*>(&error)) {
    response.headers.add("Retry-After", std::to_string(later->after().count()));
  }
  return response;
}

}  // namespace mpf::http
