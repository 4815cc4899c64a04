#include "content/import/page_facts.hpp"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>

#include <mpf/base/text.hpp>
#include <mpf/web/markdown.hpp>

namespace portal::content {
namespace {

constexpr std::size_t summary_characters = 300;

std::string collapse_spaces(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
    if (!space) {
      result.push_back(c);
    } else if (!result.empty() && result.back() != ' ') {
      result.push_back(' ');
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::string shorten(std::string text, std::size_t characters) {
  if (mpf::utf8_length(text) <= characters) return text;
  text = mpf::truncate_utf8(text, characters - 1);
  const auto space = text.rfind(' ');
  if (space != std::string::npos && space > text.size() / 2) text.resize(space);
  return text + "…";
}

void add_unique(std::vector<std::string>& list, std::string value) {
  if (!value.empty() && std::find(list.begin(), list.end(), value) == list.end())
    list.push_back(std::move(value));
}

/// Collects the facts while libxml2 reads the page: no tree is built.
class FactsReader {
 public:
  FactsReader(std::string_view path, PageFacts& facts) : path_(path), facts_(facts) {}

  void start(std::string_view name, const xmlChar** attributes) {
    if (name == "title") in_title_ = title_.empty();
    if (name == "script" || name == "style") ++hidden_;
    if (name == "body") in_body_ = true;
    if (name == "h1" && heading_.empty()) in_heading_ = true;
    if (name == "p" && in_body_ && !in_paragraph_) {
      in_paragraph_ = true;
      paragraph_.clear();
    }
    // Navigation around the text proper is no summary.
    if (name == "nav" || name == "header" || name == "footer" || name == "table") ++aside_;
    read_attributes(name, attributes);
  }

  void end(std::string_view name) {
    if (name == "title") in_title_ = false;
    if ((name == "script" || name == "style") && hidden_ > 0) {
      if (name == "style") use_css(style_);
      style_.clear();
      --hidden_;
    }
    if (name == "h1") in_heading_ = false;
    if ((name == "nav" || name == "header" || name == "footer" || name == "table") && aside_ > 0) --aside_;
    if (name == "p" && in_paragraph_) {
      in_paragraph_ = false;
      const std::string text = collapse_spaces(paragraph_);
      // A lone word or a date is no summary; the longest among the first tells more.
      if (aside_ == 0 && summary_.empty() && mpf::utf8_length(text) >= 25) summary_ = text;
    }
  }

  void characters(std::string_view text) {
    if (hidden_ > 0) {
      style_ += text;
      return;
    }
    if (in_title_) title_ += text;
    if (in_heading_) heading_ += text;
    if (in_paragraph_ && paragraph_.size() < 4000) paragraph_ += text;
  }

  void finish() {
    facts_.title = collapse_spaces(title_);
    if (facts_.title.empty()) facts_.title = collapse_spaces(heading_);
    facts_.title = shorten(std::move(facts_.title), 300);
    if (!description_.empty()) summary_ = collapse_spaces(description_);
    facts_.summary = shorten(std::move(summary_), summary_characters);
  }

 private:
  void read_attributes(std::string_view name, const xmlChar** attributes) {
    if (attributes == nullptr) return;
    std::string_view rel;
    std::string_view href;
    std::string_view meta_name;
    std::string_view content;
    for (; attributes[0] != nullptr; attributes += 2) {
      const std::string_view key = reinterpret_cast<const char*>(attributes[0]);
      if (attributes[1] == nullptr) continue;
      const std::string_view value = reinterpret_cast<const char*>(attributes[1]);
      if (key == "src" || key == "poster" || (name == "object" && key == "data") ||
          (name == "image" && (key == "href" || key == "xlink:href"))) {
        use(value);
      } else if (key == "srcset") {
        use_source_set(value);
      } else if (key == "style") {
        use_css(value);
      } else if (key == "rel") {
        rel = value;
      } else if (key == "href") {
        href = value;
      } else if (key == "name") {
        meta_name = value;
      } else if (key == "content") {
        content = value;
      }
    }
    if (name == "link" && (rel.find("stylesheet") != rel.npos || rel.find("icon") != rel.npos)) use(href);
    if (name == "meta" && mpf::iequals(meta_name, "description")) description_ = content;
  }

  void use(std::string_view reference) { add_unique(facts_.uses, resolve_reference(path_, reference)); }

  void use_source_set(std::string_view set) {
    for (const auto part : mpf::split(set, ',')) {
      const auto candidate = mpf::trim(part);
      use(candidate.substr(0, candidate.find(' ')));
    }
  }

  void use_css(std::string_view css) {
    for (auto& path : css_uses(css, path_)) add_unique(facts_.uses, std::move(path));
  }

  std::string path_;
  PageFacts& facts_;
  std::string title_;
  std::string heading_;
  std::string paragraph_;
  std::string summary_;
  std::string description_;
  std::string style_;
  int hidden_ = 0;
  int aside_ = 0;
  bool in_title_ = false;
  bool in_heading_ = false;
  bool in_paragraph_ = false;
  bool in_body_ = false;
};

}  // namespace

std::string resolve_reference(std::string_view path, std::string_view reference) {
  reference = mpf::trim(reference);
  reference = reference.substr(0, reference.find_first_of("?#"));
  if (reference.empty() || reference.front() == '/' || reference.find(':') != reference.npos) return {};
  const auto decoded = mpf::percent_decode(reference);
  if (!decoded) return {};
  std::vector<std::string> segments;
  for (const auto segment : mpf::split(path, '/')) segments.emplace_back(segment);
  segments.pop_back();
  for (const auto segment : mpf::split(*decoded, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (segments.empty()) return {};
      segments.pop_back();
    } else {
      segments.emplace_back(segment);
    }
  }
  std::string result;
  for (const auto& segment : segments) {
    if (!result.empty()) result += '/';
    result += segment;
  }
  return result;
}

std::vector<std::string> css_uses(std::string_view css, std::string_view path) {
  std::vector<std::string> uses;
  const auto quoted = [&](std::size_t at) {
    if (at >= css.size() || (css[at] != '"' && css[at] != '\'')) return;
    const auto end = css.find(css[at], at + 1);
    if (end != css.npos) add_unique(uses, resolve_reference(path, css.substr(at + 1, end - at - 1)));
  };
  const auto skip_spaces = [&](std::size_t at) {
    while (at < css.size() && std::isspace(static_cast<unsigned char>(css[at])) != 0) ++at;
    return at;
  };
  for (auto at = css.find("url("); at != css.npos; at = css.find("url(", at + 4)) {
    const auto start = skip_spaces(at + 4);
    if (start < css.size() && (css[start] == '"' || css[start] == '\'')) {
      quoted(start);
      continue;
    }
    const auto end = css.find(')', start);
    if (end != css.npos) add_unique(uses, resolve_reference(path, css.substr(start, end - start)));
  }
  for (auto at = css.find("@import"); at != css.npos; at = css.find("@import", at + 7))
    quoted(skip_spaces(at + 7));
  return uses;
}

PageFacts html_facts(std::string_view html, std::string_view path) {
  PageFacts facts;
  FactsReader reader(path, facts);
  htmlSAXHandler handler;
  std::memset(&handler, 0, sizeof handler);
  handler.startElement = [](void* self, const xmlChar* name, const xmlChar** attributes) {
    static_cast<FactsReader*>(self)->start(reinterpret_cast<const char*>(name), attributes);
  };
  handler.endElement = [](void* self, const xmlChar* name) {
    static_cast<FactsReader*>(self)->end(reinterpret_cast<const char*>(name));
  };
  const auto characters = [](void* self, const xmlChar* text, int size) {
    static_cast<FactsReader*>(self)->characters(
        {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)});
  };
  handler.characters = characters;
  handler.cdataBlock = characters;
  handler.ignorableWhitespace = characters;

  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> context(
      htmlCreatePushParserCtxt(&handler, &reader, nullptr, 0, nullptr,
                               mpf::is_valid_utf8(html) ? XML_CHAR_ENCODING_UTF8 : XML_CHAR_ENCODING_8859_1),
      &htmlFreeParserCtxt);
  if (!context) throw std::bad_alloc();
  htmlCtxtUseOptions(context.get(),
                     HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
  constexpr std::size_t piece = 1U << 20U;
  for (std::size_t at = 0; at < html.size(); at += piece) {
    const auto size = static_cast<int>(std::min(piece, html.size() - at));
    htmlParseChunk(context.get(), html.data() + at, size, 0);
  }
  htmlParseChunk(context.get(), nullptr, 0, 1);
  if (context->myDoc != nullptr) xmlFreeDoc(context->myDoc);
  reader.finish();
  return facts;
}

PageFacts markdown_facts(std::string_view markdown, std::string_view path) {
  return html_facts("<body>" + mpf::web::render_markdown(markdown), path);
}

PageFacts text_facts(std::string_view text) {
  PageFacts facts;
  text = text.substr(0, 8000);
  if (!mpf::is_valid_utf8(text)) {
    // The cut may have split a character; anything worse has no words to show.
    while (!text.empty() && !mpf::is_valid_utf8(text) && text.size() > 7990) text.remove_suffix(1);
    if (!mpf::is_valid_utf8(text)) return facts;
  }
  text = mpf::trim(text);
  const auto line_end = text.find('\n');
  const std::string first = collapse_spaces(text.substr(0, line_end));
  if (mpf::utf8_length(first) <= 120) {
    facts.title = first;
    text = line_end == text.npos ? std::string_view() : text.substr(line_end);
  }
  facts.summary = shorten(collapse_spaces(text), summary_characters);
  return facts;
}

std::string title_of_name(std::string_view file_name) {
  const auto slash = file_name.rfind('/');
  if (slash != file_name.npos) file_name.remove_prefix(slash + 1);
  const auto dot = file_name.rfind('.');
  if (dot != file_name.npos && dot > 0) file_name = file_name.substr(0, dot);
  // "03-operation": the number only puts files in order.
  const auto digits = file_name.find_first_not_of("0123456789");
  if (digits != file_name.npos && digits > 0 && digits <= 3 &&
      (file_name[digits] == '-' || file_name[digits] == '_')) {
    const auto rest = file_name.find_first_not_of("-_ ", digits);
    if (rest != file_name.npos) file_name.remove_prefix(rest);
  }
  std::string title;
  for (const char c : file_name) title += c == '_' || c == '-' ? ' ' : c;
  title = collapse_spaces(title);
  if (!title.empty()) title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

}  // namespace portal::content
