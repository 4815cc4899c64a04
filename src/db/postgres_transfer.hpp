#pragma once

#include <cstdint>

#include <mpf/db/copy.hpp>

#include "db/postgres_connect.hpp"

/// Whole tables by COPY, on a connection of libpqxx's for each, which blocks a thread of its own.
namespace mpf::db::postgres {

std::uint64_t transfer_out(const Address& address, const CopyOut& copy);
std::uint64_t transfer_in(const Address& address, const CopyIn& copy);

}  // namespace mpf::db::postgres
