/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a script of nft(8) makes: it is loaded into a network namespace that nobody else has, and listed from
 * there. So the kernel itself says what it took, and nothing of the host's is touched: without that namespace
 * the script is not run. */
#include "read/nft_read.h"
#include "read/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECONDS_MAX 60 /* for both, the script and the list */
#define LIST_SIZE_MAX (1u << 30)

/* What the process in the namespace ends with. */
enum outcome {
	OUTCOME_LISTED,    /* what it wrote is the list */
	OUTCOME_REFUSED,   /* ... is what nft says of the script */
	OUTCOME_FORBIDDEN, /* no namespace: the rest of what it wrote says why */
	OUTCOME_MISSING,   /* there is no nft */
	OUTCOME_FAILED,
};

struct scratch {
	int script; /* a file */
	uid_t user;
	gid_t group;
};

static bool write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return done;
}

/* A namespace of networks; who may not have one alone has one within a namespace of users, as root there. */
static int own_network(const struct scratch *scratch)
{
	char map[64];

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", scratch->user);
	if (!write_file("/proc/self/uid_map", map))
		return -EPERM;
	snprintf(map, sizeof(map), "0 %u 1\n", scratch->group);
	return write_file("/proc/self/gid_map", map) ? 0 : -EPERM;
}

static bool write_all(int output, const char *data, size_t size)
{
	while (size) {
		ssize_t written = write(output, data, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		data += written;
		size -= (size_t)written;
	}
	return true;
}

static enum outcome run(const char *const *arguments, int input, int output)
{
	struct program_result result;
	int error = program_run_with(arguments, input, SECONDS_MAX, LIST_SIZE_MAX, &result);
	enum outcome outcome = error == -ENOENT ? OUTCOME_MISSING
			       : error < 0      ? OUTCOME_FAILED
						: OUTCOME_LISTED;
	const struct buffer *said = &result.output;

	if (error < 0 && error != -ENOENT)
		write_all(output, strerror(-error), strlen(strerror(-error)));
	if (error == 0 && result.status != 0) {
		outcome = OUTCOME_REFUSED;
		said = &result.errors;
	}
	/* Of a script that was taken nothing is told. */
	if (error == 0 && (input < 0 || outcome == OUTCOME_REFUSED) &&
	    !write_all(output, said->data ? said->data : "", said->size))
		outcome = OUTCOME_FAILED;
	program_result_fini(&result);
	return outcome;
}

static int in_scratch(void *context, int output)
{
	static const char *const load[] = {"nft", "-f", "-", NULL};
	static const char *const list[] = {"nft", "-j", "-n", "list", "ruleset", NULL};
	const struct scratch *scratch = context;
	int error = own_network(scratch);

	if (error < 0) {
		write_all(output, strerror(-error), strlen(strerror(-error)));
		return OUTCOME_FORBIDDEN;
	}
	enum outcome outcome = run(load, scratch->script, output);
	return (int)(outcome == OUTCOME_LISTED ? run(list, -1, output) : outcome);
}

static struct span place_of(const struct source *script, unsigned line, unsigned from, unsigned to)
{
	const char *at = script->data, *end = script->data + script->size;

	for (unsigned i = 1; i < line && at; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at || !from || to < from || to > (size_t)(end - at))
		return (struct span){script, 0, 0};
	uint32_t begin = (uint32_t)(at - script->data);
	return (struct span){script, begin + from - 1, begin + to};
}

/* What nft(8) says: "/dev/stdin:LINE:COLUMN-COLUMN: Error: ...", the line, carets below. */
static void say_refused(const char *text, const struct source *script, struct diagnostics *sink)
{
	static const char hint[] =
	    "it is loaded where there are no interfaces but lo, and nothing else that the "
	    "host has: write iifname in place of iif, or give what nft -j list ruleset "
	    "prints on the host";
	size_t said = 0;

	for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
		unsigned line, from, to;
		int message = 0;
		end = strchrnul(at, '\n');
		if (sscanf(at, "/dev/stdin:%u:%u-%u: Error: %n", &line, &from, &to, &message) != 3 ||
		    !message || at + message > end)
			continue;
		struct diagnostic *error =
		    diagnostic_add(sink, SEVERITY_ERROR, "nft-refused", place_of(script, line, from, to),
				   "nft: %.*s", (int)(end - at) - message, at + message);
		if (strncmp(at + message, "Interface does not", 18) == 0 ||
		    strncmp(at + message, "No such", 7) == 0)
			diagnostic_hint(error, "%s", hint);
		said++;
	}
	if (!said)
		diagnostic_add(sink, SEVERITY_ERROR, "nft-refused", (struct span){script, 0, 0},
			       "nft does not take this script: %.*s", (int)strcspn(text, "\n"), text);
}

static void say(const struct program_result *result, const struct source *script, struct diagnostics *sink)
{
	const char *text = result->output.data ? result->output.data : "", *name = script->name;

	switch ((enum outcome)result->status) {
	case OUTCOME_REFUSED:
		say_refused(text, script, sink);
		break;
	case OUTCOME_MISSING:
		diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "nft-missing", (struct span){0},
					       "%s is a script of nft, which is not installed", name),
				"give what nft -j list ruleset prints where it is loaded");
		break;
	case OUTCOME_FORBIDDEN:
		diagnostic_hint(
		    diagnostic_add(sink, SEVERITY_ERROR, "nft-forbidden", (struct span){0},
				   "%s is a script of nft: a network namespace to load it into is not "
				   "to be had: %s",
				   name, text),
		    "be root, or give what nft -j list ruleset prints where it is loaded");
		break;
	default:
		diagnostic_add(sink, SEVERITY_ERROR, "nft-failed", (struct span){0},
			       "%s: nft cannot be run: %s", name, text);
	}
}

static int outcome_error(int status)
{
	return status == OUTCOME_REFUSED     ? -EINVAL
	       : status == OUTCOME_MISSING   ? -ENOENT
	       : status == OUTCOME_FORBIDDEN ? -EPERM
					     : -EIO;
}

int nft_scratch_list(struct text script, const char *name, struct diagnostics *sink, struct buffer *json)
{
	struct scratch scratch = {memfd_create("weir-script", MFD_CLOEXEC), geteuid(), getegid()};
	struct program_result result = {0};
	int error = scratch.script < 0 ? -errno : 0;

	if (error == 0 &&
	    (!write_all(scratch.script, script.data, script.size) || lseek(scratch.script, 0, SEEK_SET) != 0))
		error = -EIO;
	if (error == 0)
		error = program_fork(in_scratch, &scratch, SECONDS_MAX + 5, LIST_SIZE_MAX, &result);
	if (error < 0) {
		diagnostic_add(sink, SEVERITY_ERROR, "nft-failed", (struct span){0},
			       "%s: nft cannot be run: %s", name, strerror(-error));
	} else if (result.status != OUTCOME_LISTED) {
		struct arena *arena = arena_new();
		char *copy = arena ? arena_copy(arena, script.data, script.size) : NULL;
		char *kept = arena ? arena_printf(arena, "%s", name) : NULL;
		struct source *source = copy && kept ? source_new(arena, kept, copy, script.size) : NULL;
		if (source)
			say(&result, source, sink);
		if (arena)
			diagnostics_keep(sink, arena);
		error = outcome_error(result.status);
	} else {
		*json = result.output;
		result.output = (struct buffer){0};
	}
	if (scratch.script >= 0)
		close(scratch.script);
	program_result_fini(&result);
	return error;
}
