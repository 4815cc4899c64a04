#pragma once

#include <mpf/db/bulk.hpp>

#include "db/postgres_session.hpp"

namespace mpf::db::postgres {

/// Runs a bulk insert as a binary COPY, each value in the type of its column.
std::uint64_t copy_rows(PostgresSession& session, const BulkInsert& insert);

}  // namespace mpf::db::postgres
