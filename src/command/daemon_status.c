/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir daemon status: what the daemon has written down, and whether it runs. */
#include "base/source.h"
#include "command/applied.h"
#include "command/clean.h"
#include "command/command.h"
#include "command/daemon.h"
#include "daemon/conntrack.h"
#include "kernel/state_file.h"
#include "kernel/state_overlay.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (16u << 20)

static const char *const state_names[] = {"unknown", "up", "down"};

/* --- The daemon's side --------------------------------------------------------------------------- */

static void add_place(struct json_object *object, const char *key, enum family family, address place,
		      uint16_t port)
{
	struct buffer text = {0};

	daemon_print_place(family, place, port, &text);
	json_object_object_add(object, key, json_object_new_string(text.data ? text.data : ""));
	buffer_fini(&text);
}

static struct json_object *backend_json(const struct daemon *daemon, const struct check *check)
{
	const struct policy_selector *selector = &check->statement->selector;
	struct json_object *object = json_object_new_object();

	add_place(object, "listener", check->family, selector->to.places[0].range.low,
		  selector->ports.ranges[0].low);
	add_place(object, "backend", check->family, check->address, check->port);
	json_object_object_add(object, "state", json_object_new_string(state_names[check->state]));
	json_object_object_add(object, "out", json_object_new_boolean(daemon_is_out(daemon, check)));
	json_object_object_add(object, "since", json_object_new_int64(check->since));
	if (check->error)
		json_object_object_add(object, "why", json_object_new_string(strerror(-check->error)));
	return object;
}

void daemon_write_status(struct daemon *daemon)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();

	if (!daemon->changed) {
		json_object_put(list);
		json_object_put(object);
		return;
	}
	daemon->changed = false;
	json_object_object_add(object, "process", json_object_new_int64(getpid()));
	json_object_object_add(object, "started", json_object_new_int64(daemon->started));
	json_object_object_add(object, "state", json_object_new_int64(daemon->number));
	for (size_t i = 0; i < daemon->checks.count; i++)
		json_object_array_add(list, backend_json(daemon, &daemon->checks.list[i]));
	json_object_object_add(object, "backends", list);
	if (daemon->tree && daemon->tree->conntrack.warn) {
		json_object_object_add(object, "conntrack_warn_percent",
				       json_object_new_int64(daemon->tree->conntrack.warn));
		json_object_object_add(object, "conntrack_above", json_object_new_boolean(daemon->above));
	}
	if (daemon->feeds.path)
		json_object_object_add(object, "feeds", json_object_new_string(daemon->feeds.path));
	if (daemon->feeds.last) {
		json_object_object_add(object, "feeds_updated", json_object_new_int64(daemon->feeds.last));
		json_object_object_add(object, "feeds_status", json_object_new_int64(daemon->feeds.status));
	}
	if (daemon->fault.size)
		json_object_object_add(object, "fault", clean_json(text_of(daemon->fault.data)));
	const char *text =
	    json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	int error = text ? file_replace(daemon->store.directory, DAEMON_FILE, text_of(text)) : -ENOMEM;
	if (error)
		daemon_log(daemon, LOG_WARNING, "cannot write %s/" DAEMON_FILE ": %s", daemon->store.path,
			   strerror(-error));
	json_object_put(object);
}

/* --- The other side ------------------------------------------------------------------------------ */

static const char *string_in(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		   ? json_object_get_string(value)
		   : "";
}

static int64_t number_in(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

static bool truth_in(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static void print_length(int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		printf("%" PRId64 " s", seconds);
	else if (seconds < 7200)
		printf("%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		printf("%" PRId64 " h", seconds / 3600);
	else
		printf("%" PRId64 " days", seconds / 86400);
}

static void print_backend(struct json_object *object, int64_t now)
{
	const char *why = string_in(object, "why");

	clean_put(text_of(string_in(object, "listener")));
	printf(": ");
	clean_put(text_of(string_in(object, "backend")));
	printf(" is ");
	clean_put(text_of(string_in(object, "state")));
	printf(" since ");
	print_length(now - number_in(object, "since"));
	if (*why) {
		printf(" (");
		clean_put(text_of(why));
		printf(")");
	}
	if (!truth_in(object, "out") && strcmp(string_in(object, "state"), "down") == 0)
		printf(", and gets connections all the same, as all others are down");
	printf("\n");
}

static void print_conntrack(struct json_object *object)
{
	uint64_t count, most;

	if (!number_in(object, "conntrack_warn_percent") || conntrack_fill(&count, &most) || !most)
		return;
	printf("conntrack: %" PRIu64 " of %" PRIu64 " (%" PRIu64 "%%), told of at %" PRId64 "%%\n", count,
	       most, count * 100 / most, number_in(object, "conntrack_warn_percent"));
}

/* Whether something is not as it should be. */
static bool print_status(struct json_object *object)
{
	struct json_object *list;
	int64_t now = (int64_t)time(NULL), updated = number_in(object, "feeds_updated");
	bool wrong = false;

	printf("weir daemon runs since ");
	print_length(now - number_in(object, "started"));
	printf(", process %" PRId64 "; state %" PRId64 " is in force\n", number_in(object, "process"),
	       number_in(object, "state"));
	if (json_object_object_get_ex(object, "backends", &list) &&
	    json_object_is_type(list, json_type_array))
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			struct json_object *one = json_object_array_get_idx(list, i);
			print_backend(one, now);
			wrong |= strcmp(string_in(one, "state"), "down") == 0;
		}
	print_conntrack(object);
	if (*string_in(object, "feeds")) {
		printf("feeds of ");
		clean_put(text_of(string_in(object, "feeds")));
		printf(": ");
		if (updated) {
			printf("fetched ");
			print_length(now - updated);
			printf(" ago, status %" PRId64 "\n", number_in(object, "feeds_status"));
		} else {
			printf("none was due yet\n");
		}
		wrong |= number_in(object, "feeds_status") != 0;
	}
	if (*string_in(object, "fault")) {
		clean_put(text_of(string_in(object, "fault")));
		printf("\n");
		wrong = true;
	}
	return wrong | truth_in(object, "conntrack_above");
}

static int show(const struct state_store *store, bool json)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct json_object *object;
	struct text text;
	int error = arena ? file_read(arena, store->directory, DAEMON_FILE, FILE_MAX, &text) : -ENOMEM;

	if (!state_overlay_held(store)) {
		if (json) {
			object = json_object_new_object();
			json_object_object_add(object, "running", json_object_new_boolean(false));
			command_print_json(object);
		} else {
			puts("weir daemon does not run");
		}
		return EXIT_FINDINGS;
	}
	object = error ? NULL : json_tokener_parse(text.data);
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return command_fail("daemon", EXIT_SYSTEM, "it runs, and has written nothing yet to %s/%s",
				    store->path, DAEMON_FILE);
	}
	if (json) {
		json_object_object_add(object, "running", json_object_new_boolean(true));
		return command_print_json(object);
	}
	int code = print_status(object) ? EXIT_FINDINGS : EXIT_DONE;
	json_object_put(object);
	return code;
}

int daemon_status(const char *directory, bool json)
{
	struct state_store store = STATE_STORE_NONE;
	struct buffer why = {0};
	int error = state_store_open(directory, false, &store, &why);
	int code = error ? applied_fail("daemon", error, &why) : show(&store, json);

	state_store_close(&store);
	buffer_fini(&why);
	return code;
}
