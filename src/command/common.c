/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands share: loading rules, messages, JSON. */
#include "command/command.h"
#include "command/live.h"
#include "command/reason.h"
#include "kernel/state_store.h"
#include "ruleset/extension_type.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_fail(const char *command, int code, const char *format, ...)
{
	/* names of files and interfaces, and words of the input, may hold control characters */
	struct buffer clean = {0};
	char *message = NULL;
	va_list arguments;
	va_start(arguments, format);
	int size = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (size >= 0)
		clean_print((struct text){message, (size_t)size}, &clean);
	fflush(stdout);
	fprintf(stderr, "weir: %s: %.*s\n", command, (int)clean.size, clean.data ? clean.data : "");
	if (size >= 0)
		free(message);
	buffer_fini(&clean);
	return code;
}

/* Where the copies of feeds are that policies among the rules name; NULL: nowhere. */
static char *feed_directory(const char *states)
{
	struct state_store store = STATE_STORE_NONE;
	struct buffer why = {0};
	char *path = NULL;
	if (state_store_open(states, false, &store, &why) == 0) {
		if (asprintf(&path, "%s/" STATE_FEEDS, store.path) < 0)
			path = NULL;
		/* Who may not look there reads policies as one does elsewhere: without. Any other fault is
		 * left to the reader, which refuses: a set is not to lose its members to it. */
		if (path && access(path, R_OK | X_OK) != 0 && (errno == ENOENT || errno == EACCES)) {
			free(path);
			path = NULL;
		}
	}
	state_store_close(&store);
	buffer_fini(&why);
	return path;
}

static int load_files(const char *const *paths, size_t count, const char *states, struct diagnostics *sink,
		      struct ruleset **ruleset)
{
	char *feeds = feed_directory(states);
	int result = rules_load_feeds(paths, count, feeds, sink, ruleset);
	free(feeds);
	return result;
}

enum live_choice { LIVE_NOT, LIVE_IPTABLES, LIVE_ALL, LIVE_APART };

static int load(const char *const *paths, size_t count, enum live_choice live, const char *states,
		struct live_rules *rules)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	if (!sink)
		return command_fail("rules", EXIT_SYSTEM, "out of memory");
	if (live && count)
		return command_fail("rules", EXIT_USAGE, "either files or --live");
	if (!live && !count)
		return command_fail("rules", EXIT_USAGE,
				    "no rules given: name files, a directory, or --live");
	int result = live == LIVE_NOT        ? load_files(paths, count, states, sink, &rules->ruleset)
		     : live == LIVE_IPTABLES ? rules_load_live(sink, &rules->ruleset)
					     : live_load(sink, live == LIVE_APART, rules);
	struct buffer text = {0};
	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	if (result == 0)
		return EXIT_DONE;
	/* Each failure but these has said so itself. */
	if (result == -ENOMEM)
		return command_fail("rules", EXIT_SYSTEM, "out of memory");
	if (diagnostics_errors(sink) == 0)
		command_fail("rules", EXIT_USAGE, "%s", strerror(-result));
	return live && result != -EINVAL ? EXIT_SYSTEM : EXIT_USAGE;
}

int command_load(const char *const *paths, size_t count, bool live, struct ruleset **ruleset)
{
	struct live_rules rules = {0};
	int code = load(paths, count, live ? LIVE_ALL : LIVE_NOT, NULL, &rules);
	if (!code)
		*ruleset = rules.ruleset;
	return code;
}

int command_load_iptables(struct ruleset **ruleset)
{
	struct live_rules rules = {0};
	int code = load(NULL, 0, LIVE_IPTABLES, NULL, &rules);
	if (!code)
		*ruleset = rules.ruleset;
	return code;
}

int command_load_apart(const char *const *paths, size_t count, bool live, struct live_rules *rules)
{
	return load(paths, count, live ? LIVE_APART : LIVE_NOT, NULL, rules);
}

int command_load_states(const char *const *paths, size_t count, const char *states, struct ruleset **ruleset)
{
	struct live_rules rules = {0};
	int code = load(paths, count, LIVE_NOT, states, &rules);
	if (!code)
		*ruleset = rules.ruleset;
	return code;
}

int command_print_json(struct json_object *object)
{
	const char *text =
	    json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	bool written = text && puts(text) >= 0 && fflush(stdout) == 0;
	json_object_put(object);
	return written ? EXIT_DONE : EXIT_SYSTEM;
}

int command_parse_effects(const char *list, unsigned *effects)
{
	unsigned found = *effects;
	const char *at = list;
	for (;;) {
		size_t size = strcspn(at, ",");
		struct text name = {at, size};
		unsigned bit = 0;
		/* What is not modelled may be anything: it cannot be allowed. */
		for (unsigned i = 0; i < EFFECT_COUNT; i++) {
			if (text_is(name, effect_names[i]) && 1u << i != EFFECT_UNKNOWN)
				bit = 1u << i;
		}
		if (text_is(name, "all"))
			bit = ((1u << EFFECT_COUNT) - 1) & ~(unsigned)EFFECT_UNKNOWN;
		if (!bit)
			return -1;
		found |= bit;
		if (at[size] == '\0')
			break;
		at += size + 1;
	}
	*effects = found;
	return 0;
}

#define NODE_BYTES 56 /* of memory for a diagram node, with what is kept beside it */

bool command_parse_budget(const char *text, uint64_t *time, size_t *nodes)
{
	static const struct {
		const char *suffix;
		uint64_t time, memory;
	} units[] = {{"ms", 1000000, 0}, {"s", 1000000000, 0}, {"min", 60000000000, 0},
		     {"K", 0, 1u << 10}, {"M", 0, 1u << 20},   {"G", 0, 1u << 30},
		     {"", 0, 0}};
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || number == 0 || number > UINT32_MAX)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		if (units[i].time)
			*time = number * units[i].time;
		else
			*nodes = units[i].memory ? number * units[i].memory / NODE_BYTES : number;
		return units[i].time || *nodes > 0;
	}
	return false;
}
