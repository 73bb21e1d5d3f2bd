/// eval/code.h - Python taken out of what a model wrote around it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rouse {

/// The lines of the first fenced block (CommonMark's ```) that says it is Python or says nothing, without the
/// indentation of its fence; a block that nothing closes reaches to the end of the text. Where functions
/// stand before a bare fence, it closes what the prompt has opened, and they are the code. Nothing where
/// there is no such block.
std::optional<std::string> fenced_code(const std::string& text);
/// Where the answer ends that holds such a block: after its closing fence; npos while it is open, or not
/// there.
size_t fence_end(const std::string& text);

/// The place of the first of `stops`, or npos.
size_t first_of(const std::string& text, std::span<const char* const> stops);
/// Whether a line at column 0 defines `name`: as a function, or by assignment.
bool defines(const std::string& code, const std::string& name);
/// Every line but the blank ones four spaces further in.
std::string indented(const std::string& code);

}  // namespace rouse
