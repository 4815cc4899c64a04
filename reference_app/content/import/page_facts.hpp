#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portal::content {

/// What an import wants to know of a text file.
struct PageFacts {
  std::string title;              ///< empty when the page has none
  std::string summary;            ///< of at most 300 characters
  std::vector<std::string> uses;  ///< files of the same source that it shows: paths below the source's folder
};

/// Facts of an HTML page. `path` is the page's own below the source's folder; references that lead outside
/// the folder or to other hosts are left out. Pages are taken as they are: malformed ones give what can be
/// read.
PageFacts html_facts(std::string_view html, std::string_view path);

/// Facts of a Markdown document: the first heading, the first paragraph, the images.
PageFacts markdown_facts(std::string_view markdown, std::string_view path);

/// Facts of plain text: the first line, the first lines.
PageFacts text_facts(std::string_view text);

/// The files that a style sheet shows: url(…) and @import.
std::vector<std::string> css_uses(std::string_view css, std::string_view path);

/// The path below the source's folder that a reference in the file `path` leads to; empty for references to
/// other hosts, out of the folder, or within the page.
std::string resolve_reference(std::string_view path, std::string_view reference);

/// "getting-started_2.html" is called "Getting started 2", "03-operation" is called "Operation".
std::string title_of_name(std::string_view file_name);

}  // namespace portal::content
