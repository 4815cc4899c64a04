#include "http/head_parser.hpp"

#include <cstring>

#include <boost/beast/http/basic_parser.hpp>

#include <mpf/base/text.hpp>

#include "http/path.hpp"
#include "http/text.hpp"

namespace mpf::http {

namespace {

namespace beast = boost::beast;
using BeastText = beast::string_view;

constexpr std::size_t max_fields = 128;
constexpr std::size_t request_line_rest = 48;  // longest method, spaces, version, line end

std::string_view view(BeastText text) noexcept { return {text.data(), text.size()}; }

/// Beast finds lines, names and values; what they mean is decided here.
class Parser final : public beast::http::basic_parser<true> {
 public:
  Parser(Request& request, Framing& framing) : request_(request), framing_(framing) {}

  const std::optional<HeadError>& refusal() const noexcept { return refusal_; }
  std::size_t hosts() const noexcept { return hosts_; }
  bool known_method() const noexcept { return known_method_; }

 private:
  using Code = beast::error_code;
  using MaybeLength = boost::optional<std::uint64_t>;

  void refuse(int status, std::string_view detail, Code& code) {
    refusal_ = HeadError{status, detail};
    code = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb, BeastText method, BeastText target, int version, Code&) override {
    const auto known = http::parse_method(view(method));
    known_method_ = known.has_value();
    request_.method = known.value_or(Method::get);
    request_.target = view(target);
    framing_.http_1_0 = version == 10;
  }

  void on_field_impl(beast::http::field field, BeastText name, BeastText value, Code& code) override {
    if (++fields_ > max_fields) return refuse(431, "Too many header fields", code);
    const std::string_view text = view(value);
    switch (field) {
      case beast::http::field::host:
        ++hosts_;
        break;
      case beast::http::field::content_length:
        if (framing_.content_length) return refuse(400, "Content-Length is given twice", code);
        framing_.content_length = parse_decimal(text);
        if (!framing_.content_length) return refuse(400, "Content-Length is no number", code);
        break;
      case beast::http::field::transfer_encoding:
        if (framing_.chunked) return refuse(400, "Transfer-Encoding is given twice", code);
        if (framing_.http_1_0) return refuse(400, "Transfer-Encoding does not exist in HTTP/1.0", code);
        if (!iequals(text, "chunked")) {
          const std::string_view last = trimmed(text.substr(text.rfind(',') + 1));
          if (iequals(last, "chunked"))
            return refuse(501, "Transfer codings other than chunked are unknown", code);
          return refuse(400, "Transfer-Encoding must end with chunked", code);
        }
        framing_.chunked = true;
        break;
      case beast::http::field::expect:
        if (!iequals(text, "100-continue")) return refuse(417, "Only 100-continue can be expected", code);
        framing_.expects_continue = true;
        break;
      default:
        break;
    }
    request_.headers.add_parsed(view(name), text);
  }

  void on_response_impl(int, BeastText, int, Code&) override {}
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const MaybeLength&, Code&) override {}
  std::size_t on_body_impl(BeastText body, Code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, BeastText, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body, Code&) override { return body.size(); }
  void on_finish_impl(Code&) override {}

  Request& request_;
  Framing& framing_;
  std::optional<HeadError> refusal_;
  std::size_t fields_ = 0;
  std::size_t hosts_ = 0;
  bool known_method_ = false;
};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// "GET / HTTP/2.0": a version that may exist, as opposed to a line that is none.
bool other_version(std::string_view head) noexcept {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  return version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
         is_digit(version[7]) && version != "HTTP/1.1" && version != "HTTP/1.0";
}

HeadError describe(const beast::error_code& code, std::string_view head) {
  using beast::http::error;
  if (code == error::bad_version && other_version(head))
    return {505, "Only HTTP/1.1 and HTTP/1.0 are spoken here"};
  if (code == error::bad_method || code == error::bad_target || code == error::bad_version) {
    return {400, "The request line is malformed"};
  }
  if (code == error::bad_content_length || code == error::multiple_content_length) {
    return {400, "Content-Length is malformed"};
  }
  if (code == error::bad_transfer_encoding)
    return {400, "Content-Length and Transfer-Encoding exclude each other"};
  return {400, "A header field is malformed"};
}

std::optional<HeadError> check_target(Request& request) {
  std::string_view target = request.target;
  if (target.size() > 7 && target.front() != '/' && target.find("://") != std::string_view::npos) {
    // Absolute form, as proxies send it. It must name the host that the Host field names.
    const std::size_t start = target.find("://") + 3;
    const std::size_t end = std::min(target.find_first_of("/?", start), target.size());
    const std::string_view scheme = target.substr(0, start - 3);
    if (!iequals(scheme, "http") && !iequals(scheme, "https"))
      return HeadError{400, "Unknown scheme in the target"};
    if (!iequals(target.substr(start, end - start), request.header("Host"))) {
      return HeadError{400, "Target and Host differ"};
    }
    std::string rest(target.substr(end));
    if (rest.empty() && request.method == Method::options) {
      rest = server_target;  // by RFC 9112, section 3.2.4
    } else if (rest.empty() || rest.front() != '/') {
      rest.insert(0, "/");
    }
    request.target = std::move(rest);
  }
  if (request.method == Method::options && request.target == server_target) {
    request.path = server_target;
    return std::nullopt;
  }
  if (!decode_path(request.target, request.path)) return HeadError{400, "The path is malformed"};
  return std::nullopt;
}

}  // namespace

int HeadScanner::scan(std::string_view data, const Limits& limits) noexcept {
  const std::size_t line_limit = limits.target + request_line_rest;
  for (;;) {
    // Something that is no HTTP at all (a TLS greeting) may never send a line end: tell by its first byte.
    if (begin_ < data.size() && data[begin_] != '\r' && !is_token(data.substr(begin_, 1))) return 400;
    const void* found =
        scanned_ < data.size() ? std::memchr(data.data() + scanned_, '\n', data.size() - scanned_) : nullptr;
    const std::size_t length =
        (found ? static_cast<std::size_t>(static_cast<const char*>(found) - data.data()) : data.size()) -
        begin_;
    if (line_ == begin_ && length > line_limit) return 414;
    if (length > limits.head) return 431;
    if (!found) {
      scanned_ = data.size();
      return 0;
    }
    const std::size_t at = begin_ + length;
    if (at == line_ || data[at - 1] != '\r') return 400;
    if (at - 1 == line_) {
      if (line_ > begin_) {
        end_ = at + 1;
        return 0;
      }
      begin_ = at + 1;  // an empty line before the request
    } else if (line_ > begin_ && (data[line_] == ' ' || data[line_] == '\t')) {
      return 400;
    }
    line_ = scanned_ = at + 1;
  }
}

std::optional<HeadError> parse_head(std::string_view head, Request& request, Framing& framing) {
  Parser parser(request, framing);
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(boost::none);
  beast::error_code code;
  parser.put({head.data(), head.size()}, code);
  if (parser.refusal()) return parser.refusal();
  if (code) return describe(code, head);
  if (!parser.is_header_done()) return HeadError{400, "The header is malformed"};
  if (framing.chunked && framing.content_length) {
    return HeadError{400, "Content-Length and Transfer-Encoding exclude each other"};
  }
  framing.keep_alive = parser.keep_alive();
  if (parser.hosts() > 1) return HeadError{400, "Host is given twice"};
  if (parser.hosts() == 0 && !framing.http_1_0) return HeadError{400, "Host is missing"};
  if (parser.hosts() == 1 && !host_of_authority(request.header("Host")))
    return HeadError{400, "Host is malformed"};
  if (!parser.known_method()) return HeadError{501, "The method is not implemented"};
  return check_target(request);
}

}  // namespace mpf::http
