#pragma once

/// Everything that a module of an application needs.
#include <mpf/app/application.hpp>
#include <mpf/app/command.hpp>
#include <mpf/app/context.hpp>
#include <mpf/app/module.hpp>
#include <mpf/app/progress.hpp>
#include <mpf/app/services.hpp>
#include <mpf/app/settings.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/auth/accounts.hpp>
#include <mpf/auth/sessions.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/storage/storage.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/tenant/sites.hpp>
