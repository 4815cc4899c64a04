#include <mpf/web/html.hpp>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include <mpf/base/text.hpp>

namespace mpf::web {

namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 10> hidden_elements{
    "script", "style", "template", "noscript", "nav", "head", "svg", "iframe", "object", "select"};
/// Elements inside a line; between all others there is at least a space.
constexpr std::array<std::string_view, 26> inline_elements{
    "a",   "abbr", "acronym", "b", "bdi", "bdo",  "big",   "cite", "code",   "dfn", "em",  "font", "i",
    "ins", "kbd",  "mark",    "q", "s",   "samp", "small", "span", "strong", "sub", "sup", "tt",   "var"};

/// Appends text with its runs of white space as one space each; none at the start.
void append_collapsed(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool no_break_space = c == '\xc2' && i + 1 < text.size() && text[i + 1] == '\xa0';
    if (no_break_space) ++i;
    if (no_break_space || c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
}

/// What is of interest while libxml2 reads the page; no tree is built.
struct Reader {
  std::size_t text_limit = 0;  // bytes
  std::string title;
  std::string heading;
  std::string text;
  int titles = 0;
  int headings = 0;
  int hidden = 0;
  bool in_title = false;
  bool in_heading = false;

  void start(std::string_view name) {
    if (name == "title" && titles++ == 0) in_title = true;
    if (name == "h1" && headings++ == 0) in_heading = true;
    if (is_one_of(name, hidden_elements)) ++hidden;
    if (!is_one_of(name, inline_elements)) append_collapsed(text, " ");
  }
  void end(std::string_view name) {
    if (name == "title") in_title = false;
    if (name == "h1") in_heading = false;
    if (is_one_of(name, hidden_elements) && hidden > 0) --hidden;
    if (!is_one_of(name, inline_elements)) append_collapsed(text, " ");
  }
  void characters(std::string_view piece) {
    if (in_title) append_collapsed(title, piece);
    if (in_heading) append_collapsed(heading, piece);
    if (hidden == 0 && !in_title && text.size() < text_limit) append_collapsed(text, piece);
  }
  bool satisfied() const noexcept {
    return text_limit > 0 ? text.size() >= text_limit : !in_title && !title.empty();
  }
};

std::string_view view(const xmlChar* text) noexcept { return reinterpret_cast<const char*>(text); }

void read_page(std::string_view html, Reader& reader) {
  htmlSAXHandler handler{};
  handler.startElement = [](void* to, const xmlChar* name, const xmlChar**) {
    static_cast<Reader*>(to)->start(view(name));
  };
  handler.endElement = [](void* to, const xmlChar* name) { static_cast<Reader*>(to)->end(view(name)); };
  handler.characters = [](void* to, const xmlChar* text, int size) {
    static_cast<Reader*>(to)->characters(view(text).substr(0, static_cast<std::size_t>(size)));
  };
  handler.ignorableWhitespace = handler.characters;

  const xmlCharEncoding encoding = is_valid_utf8(html) ? XML_CHAR_ENCODING_UTF8 : XML_CHAR_ENCODING_NONE;
  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> context(
      htmlCreatePushParserCtxt(&handler, &reader, nullptr, 0, nullptr, encoding), &htmlFreeParserCtxt);
  if (!context) throw std::bad_alloc();
  if (encoding == XML_CHAR_ENCODING_NONE) {
    if (auto* converter = xmlFindCharEncodingHandler("windows-1252"))
      xmlSwitchToEncoding(context.get(), converter);
  }
  htmlCtxtUseOptions(context.get(), HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                        HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
  constexpr std::size_t piece = 16 * 1024;
  for (std::size_t at = 0; at < html.size() && !reader.satisfied(); at += piece) {
    htmlParseChunk(context.get(), html.data() + at, static_cast<int>(std::min(piece, html.size() - at)), 0);
  }
  htmlParseChunk(context.get(), nullptr, 0, 1);
}

}  // namespace

std::optional<std::string> html_title(std::string_view html) {
  Reader reader;
  read_page(html, reader);
  std::string title(trim(reader.title));
  if (title.empty()) title = trim(reader.heading);
  if (title.empty()) return std::nullopt;
  return title;
}

std::string html_text(std::string_view html, std::size_t max_length) {
  Reader reader;
  constexpr std::size_t longest_code_point = 4;
  reader.text_limit = max_length * longest_code_point + 16;
  read_page(html, reader);
  const std::string_view all = trim(reader.text);
  std::string_view text = truncate_utf8(all, max_length);
  if (text.size() < all.size() && all[text.size()] != ' ') {
    const std::size_t space = text.rfind(' ');
    if (space != std::string_view::npos && space > text.size() / 2) text = text.substr(0, space);
  }
  return std::string(trim(text));
}

}  // namespace mpf::web
