#pragma once

#include <string>
#include <string_view>

namespace mpf::task {

/// Tells this process from every other one that ran or will run on this machine since it was started: boot,
/// pid namespace, pid, start time. Empty where the system does not tell.
std::string process_identity();

/// True when the process with this identity is known to be dead: it was on this machine, since this boot and
/// in this pid namespace, and is no more. False whenever that cannot be told from here.
bool process_is_dead(std::string_view identity);

/// "host:pid"
std::string process_name();

}  // namespace mpf::task
