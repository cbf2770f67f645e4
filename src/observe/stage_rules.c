// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads rules into the kernel as they were read. Each chain and set knows the text it came from (its span's source),
 * and a source is of one kind and family; so the distinct sources, in the order of the ruleset, are what is fed. */
#include "observe/stage_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOURCES_MAX 64
#define SAID_MAX 2000 /* bytes of a program's complaint that are kept */

/* The child's side: standard input and error are the pipes; where sbin is not in PATH it still finds the programs. */
static void run(const char *const *arguments, int input, int complaint)
{
	static const char places[] = "/usr/sbin:/sbin:/usr/bin:/bin";
	const char *path = getenv("PATH");
	struct buffer all = {0};

	buffer_printf(&all, "%s%s%s", path ? path : "", path && *path ? ":" : "", places);
	if (!all.failed && all.data)
		setenv("PATH", all.data, 1);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(complaint, STDOUT_FILENO) < 0 || dup2(complaint, STDERR_FILENO) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execvp(arguments[0], (char *const *)arguments);
	_exit(127);
}

/* Writes the text and reads the complaint at the same time, since neither pipe holds everything. */
static void converse(int input, int complaint, const char *data, size_t size, struct buffer *said)
{
	struct pollfd ends[2] = {{.fd = input, .events = POLLOUT}, {.fd = complaint, .events = POLLIN}};
	char text[1024];
	ssize_t done;

	while (ends[1].fd >= 0) {
		if (!size && ends[0].fd >= 0) {
			close(ends[0].fd);
			ends[0].fd = -1;
		}
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			break;
		if (ends[0].fd >= 0 && ends[0].revents) {
			done = write(ends[0].fd, data, size);
			if (done > 0) {
				data += done;
				size -= (size_t)done;
			} else if (errno != EAGAIN && errno != EINTR) {
				size = 0; /* it does not want more: its status says why */
			}
		}
		if (ends[1].revents) {
			done = read(ends[1].fd, text, sizeof(text));
			if (done > 0 && said->size < SAID_MAX)
				buffer_add(said, text, (size_t)done);
			if (done == 0 || (done < 0 && errno != EINTR && errno != EAGAIN))
				break;
		}
	}
	if (ends[0].fd >= 0)
		close(ends[0].fd);
	close(complaint);
}

static int feed(const char *const *arguments, const struct source *source, struct buffer *why)
{
	int input[2], complaint[2], status = 0;
	struct buffer said = {0};
	void (*before)(int);
	pid_t child;

	if (pipe2(input, O_CLOEXEC))
		return -errno;
	if (pipe2(complaint, O_CLOEXEC)) {
		status = -errno;
		close(input[0]);
		close(input[1]);
		return status;
	}
	before = signal(SIGPIPE, SIG_IGN);
	child = fork();
	if (child == 0)
		run(arguments, input[0], complaint[1]);
	close(input[0]);
	close(complaint[1]);
	if (child < 0) {
		status = -errno;
		close(input[1]);
		close(complaint[0]);
		signal(SIGPIPE, before);
		return status;
	}
	fcntl(input[1], F_SETFL, O_NONBLOCK);
	converse(input[1], complaint[0], source->data, source->size, &said);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	signal(SIGPIPE, before);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		buffer_printf(why, "cannot run %s", arguments[0]);
	else if (status)
		buffer_printf(why, "%s refuses %s: %s", arguments[0], source->name, said.data ? said.data : "");
	buffer_fini(&said);
	if (why->size && why->data[why->size - 1] == '\n')
		why->data[--why->size] = '\0';
	return !status ? 0 : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EINVAL;
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

static int load_sets(const struct ruleset *ruleset, struct buffer *why)
{
	static const char *const arguments[] = {"ipset", "restore", NULL};
	const struct source *sources[SOURCES_MAX];
	size_t count = 0;
	int error = 0;

	for (size_t i = 0; i < ruleset->set_count && !error; i++)
		error = note(sources, &count, ruleset->sets[i]->source);
	for (size_t i = 0; i < count && !error; i++)
		error = feed(arguments, sources[i], why);
	return error;
}

static int load_family(const struct ruleset *ruleset, enum family family, enum flavour flavour, struct buffer *why)
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

	for (int table = 0; table < TABLE_COUNT; table++)
		for (size_t i = 0; i < ruleset->tables[family][table].chain_count && !error; i++)
			error = note(sources, &count, ruleset->tables[family][table].chains[i]->span.source);
	for (size_t i = 0; i < count && !error; i++)
		error = feed(flavour == FLAVOUR_NFT ? nft : legacy, sources[i], why);
	return error;
}

int stage_load_rules(const struct ruleset *ruleset, const enum flavour flavours[FAMILY_COUNT], struct buffer *why)
{
	int error = load_sets(ruleset, why);

	for (int family = 0; family < FAMILY_COUNT && !error; family++)
		if (ruleset->has_family[family])
			error = load_family(ruleset, family, flavours[family], why);
	if (error && !why->size)
		buffer_printf(why, "loading the rules: %s", strerror(-error));
	return error;
}
