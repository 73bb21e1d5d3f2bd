/// base/files.h - files that a crash must not spoil.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace rouse {

/// All that is left of a stream. Throws Error (usage) where reading breaks off.
std::string stream_text(std::istream& in, const std::string& name);
/// The whole file. Throws Error (usage) where it cannot be opened or read (a folder); `what` names it:
/// "PATH: cannot open the WHAT".
std::string file_text(const std::string& path, const char* what);
/// Where a user's files of a kind lie: the folder that `variable` names (XDG_CACHE_HOME), else `below_home`
/// in the home folder. A relative path does not count, by the XDG specification; "" where there is none.
std::string user_folder(const char* variable, const char* below_home);
/// Writes the file whole or not at all: beside it first, on the disk, then renamed. A link stays a link; what
/// is no file (/dev/stdout, a pipe) is written in place. Throws Error.
void write_whole(const std::string& path, const std::string& text);
/// Whether a name stands for no file that could be replaced: a device, a pipe.
bool written_in_place(const std::string& path);
/// Where a link leads, so that the file there is replaced and not the link.
std::string link_target(const std::string& path);
/// Brings a file that was written beside `path` to the disk and gives it that name. Throws Error.
void put_in_place(const std::string& partial, const std::string& path);

}  // namespace rouse
