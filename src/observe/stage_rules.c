// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads rules into the kernel as they were read. Each chain and set knows the text it came from (its span's
 * source), and a source is of one kind and family; so the distinct sources, in the order of the ruleset, are
 * what is fed. */
#include "observe/stage_rules.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOURCES_MAX 64
#define SAID_MAX 2000 /* bytes of a program's complaint that are kept */

static int write_all(int descriptor, const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(descriptor, data, size);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			size -= (size_t)done;
		}
	}
	return lseek(descriptor, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* In PATH, and then where Debian keeps such programs: the PATH of a plain user has no sbin. 0 or -errno. */
static int spawn(const char *const *arguments, int input, int said, pid_t *child)
{
	static const char *const places[] = {"", "/usr/sbin/", "/sbin/"};
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, said, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && (!error || error == ENOENT); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s%s", places[i], arguments[0]);
		error = posix_spawnp(child, path, &actions, NULL, (char *const *)arguments, environ);
		if (!error)
			break;
	}
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

/* Runs the program with the text as its input. Input and complaint are files in memory, so neither side waits
 * for the other. */
static int feed_through(const char *const *arguments, const struct source *source, int input, int said,
			struct buffer *why)
{
	char complaint[SAID_MAX];
	int status = 0, error = write_all(input, source->data, source->size);
	ssize_t size;
	pid_t child;

	if (error)
		return error;
	error = spawn(arguments, input, said, &child);
	if (error) {
		buffer_printf(why, "cannot run %s: %s", arguments[0], strerror(-error));
		return error;
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!status)
		return 0;
	size = pread(said, complaint, sizeof(complaint), 0);
	while (size > 0 && complaint[size - 1] == '\n')
		size--;
	buffer_printf(why, "%s refuses %s: %.*s", arguments[0], source->name, size > 0 ? (int)size : 0,
		      complaint);
	return -EINVAL;
}

static int feed(const char *const *arguments, const struct source *source, struct buffer *why)
{
	int input = memfd_create("weir-rules", MFD_CLOEXEC), said = memfd_create("weir-said", MFD_CLOEXEC);
	int error = input < 0 || said < 0 ? -errno : feed_through(arguments, source, input, said, why);

	if (input >= 0)
		close(input);
	if (said >= 0)
		close(said);
	return error;
}

static int note(const struct source **sources, size_t *count, const struct source *source)
{
	if (!source)
		return 0;
	for (size_t i = 0; i < *count; i++)
		if (sources[i] == source)
			return 0;
	if (*count == SOURCES_MAX)
		return -E2BIG;
	sources[(*count)++] = source;
	return 0;
}

/* What no source holds as the programs take it: from the structure. */
static int feed_text(const char *const *arguments, struct buffer *text, struct buffer *why)
{
	const struct source source = {.name = "the rules", .data = text->data, .size = (uint32_t)text->size};
	int error = text->failed ? -ENOMEM : text->size > SOURCE_SIZE_MAX ? -EFBIG : 0;

	if (!error && text->size)
		error = feed(arguments, &source, why);
	buffer_fini(text);
	return error;
}

static int feed_printed(const struct ruleset *ruleset, enum family family, const char *const *arguments,
			struct buffer *why)
{
	struct buffer text = {0};

	for (int table = 0; table < TABLE_COUNT; table++)
		if (ruleset->tables[family][table].present)
			table_print(&ruleset->tables[family][table], COUNTERS_NONE, &text);
	return feed_text(arguments, &text, why);
}

static int load_sets(const struct ruleset *ruleset, struct buffer *why)
{
	static const char *const arguments[] = {"ipset", "restore", NULL};
	const struct source *sources[SOURCES_MAX];
	size_t count = 0;
	int error = 0;

	if (ruleset->translated) {
		struct buffer text = {0};
		ruleset_print_sets(ruleset, &text);
		return feed_text(arguments, &text, why);
	}
	for (size_t i = 0; i < ruleset->set_count && !error; i++)
		error = note(sources, &count, ruleset->sets[i]->source);
	for (size_t i = 0; i < count && !error; i++)
		error = feed(arguments, sources[i], why);
	return error;
}

static int load_family(const struct ruleset *ruleset, enum family family, enum flavour flavour,
		       struct buffer *why)
{
	static const char *const programs[FAMILY_COUNT][2] = {
	    {"iptables-legacy-restore", "iptables-nft-restore"},
	    {"ip6tables-legacy-restore", "ip6tables-nft-restore"},
	};
	/* -w: the lock of iptables-legacy is of the machine, not of the namespace. */
	const char *legacy[] = {programs[family][0], "-w", "10", NULL}, *nft[] = {programs[family][1], NULL};
	const struct source *sources[SOURCES_MAX];
	size_t count = 0;
	int error = 0;

	if (ruleset->translated)
		return feed_printed(ruleset, family, flavour == FLAVOUR_NFT ? nft : legacy, why);
	for (int table = 0; table < TABLE_COUNT; table++)
		for (size_t i = 0; i < ruleset->tables[family][table].chain_count && !error; i++)
			error = note(sources, &count, ruleset->tables[family][table].chains[i]->span.source);
	for (size_t i = 0; i < count && !error; i++)
		error = feed(flavour == FLAVOUR_NFT ? nft : legacy, sources[i], why);
	return error;
}

int stage_load_rules(const struct ruleset *ruleset, const enum flavour flavours[FAMILY_COUNT],
		     struct buffer *why)
{
	int error = load_sets(ruleset, why);

	for (int family = 0; family < FAMILY_COUNT && !error; family++)
		if (ruleset->has_family[family])
			error = load_family(ruleset, family, flavours[family], why);
	if (error && !why->size)
		buffer_printf(why, "loading the rules: %s", strerror(-error));
	return error;
}
