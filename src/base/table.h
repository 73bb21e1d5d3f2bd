/// base/table.h - columns for people: one rule of what to do where they are wider than the terminal.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// Rows of cells, the first row the columns' names; the first column names the rows.
using Table = std::vector<std::vector<std::string>>;

/// Columns aligned. width: characters that a line may have, 0: any number. What is wider has its names
/// shortened where they stay different; else rows go on in further lines, a little indented, column below
/// column.
std::string table_text(const Table& table, size_t width = 0);
std::string markdown_table(const Table& table);

/// At most `width` characters; where some are left out, "..." stands in the middle, since names begin alike
/// and end in what tells them apart.
std::string shortened(const std::string& utf8, size_t width);

}  // namespace rouse
