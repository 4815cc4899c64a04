#pragma once

#include <pthread.h>

#include <string>

namespace mpf::fiber {

/// The stack of another, running thread, one frame a line, innermost first. Interrupts it by SIGURG, whose
/// handler is installed for the process at the first call. Where the process handles SIGURG itself, or the
/// thread does not answer soon, the text says so instead. The thread must not end meanwhile.
std::string stack_of(pthread_t thread);

}  // namespace mpf::fiber
