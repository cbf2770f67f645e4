/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a script of nft(8) makes: it is loaded into a network namespace that nobody else has, and listed from
 * there. So the kernel itself says what it took, and nothing of the host's is touched: without that namespace
 * the script is not run.
 *
 * iif, oif and device stand for an interface by its number, and nft(8) looks for that when it reads the
 * script: interfaces of the names that it misses are made there. */
#include "read/nft_read.h"
#include "read/program.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECONDS_MAX 60 /* for both, the script and the list */
#define LIST_SIZE_MAX (1u << 30)
#define LINKS_MAX 64 /* interfaces, each of which may be found missing by itself */

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
	struct text text;
};

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

#define COMPLAINTS_MAX 3 /* shown in one line */
#define LINE_SHOWN 200   /* bytes of a line of the script that are shown */

/* What nft(8) says: "/dev/stdin:LINE:COLUMN-COLUMN: Error: ...", the line, carets below. */
struct complaint {
	unsigned line, from, to;
	struct text message;
};

/* The next one from *at on; false: no more. */
static bool next_complaint(const char **at, struct complaint *complaint)
{
	for (const char *line = *at, *end; *line; line = *end ? end + 1 : end) {
		int message = 0;
		end = strchrnul(line, '\n');
		if (sscanf(line, "/dev/stdin:%u:%u-%u: Error: %n", &complaint->line, &complaint->from,
			   &complaint->to, &message) != 3 ||
		    !message || line + message > end)
			continue;
		complaint->message = (struct text){line + message, (size_t)(end - line) - (size_t)message};
		*at = *end ? end + 1 : end;
		return true;
	}
	return false;
}

/* What the script says there; empty: there is no such place. */
static struct text complained_of(struct text script, const struct complaint *complaint)
{
	const char *at = script.data, *end = script.data + script.size;

	for (unsigned i = 1; i < complaint->line && at; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at || !complaint->from || complaint->to < complaint->from || complaint->to > (size_t)(end - at))
		return (struct text){script.data, 0};
	return (struct text){at + complaint->from - 1, complaint->to - complaint->from + 1};
}

/* The line that the place is in, without its indentation. */
static struct text line_around(struct text script, struct text place)
{
	const char *from = place.data, *to = place.data, *end = script.data + script.size;

	while (from > script.data && from[-1] != '\n')
		from--;
	while (to < end && *to != '\n')
		to++;
	while (from < to && (*from == '\t' || *from == ' '))
		from++;
	return (struct text){from, (size_t)(to - from)};
}

void nft_complaints_print(struct text said, struct text script, struct buffer *out)
{
	char *copy = strndup(said.data ? said.data : "", said.size);
	struct complaint complaint;
	size_t count = 0;

	for (const char *at = copy; at && next_complaint(&at, &complaint); count++) {
		struct text place = complained_of(script, &complaint);
		struct text line = place.size ? line_around(script, place) : place;
		if (count >= COMPLAINTS_MAX)
			continue;
		buffer_printf(out, "%s%.*s", count ? "; " : "", (int)complaint.message.size,
			      complaint.message.data);
		if (line.size)
			buffer_printf(out, ": %.*s%s", (int)(line.size < LINE_SHOWN ? line.size : LINE_SHOWN),
				      line.data, line.size < LINE_SHOWN ? "" : "...");
	}
	if (count > COMPLAINTS_MAX)
		buffer_printf(out, "; and %zu more", count - COMPLAINTS_MAX);
	if (!count) /* in words of another form: their first line */
		buffer_printf(out, "%.*s", copy ? (int)strcspn(copy, "\n") : 0, copy ? copy : "");
	free(copy);
}

static bool is_missing_link(const struct complaint *complaint)
{
	return text_starts(complaint->message, "Interface does not exist");
}

/* --- Interfaces
 * ------------------------------------------------------------------------------------------------------ */

/* One end of a veth pair, of which the kernel names the other. Loading the module of another kind may make an
 * interface on the host ("dummy0"). 0 or -errno. */
static int add_link(const char *name)
{
	char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	int result = -1;

	if (!socket)
		return -errno;
	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	struct nlattr *information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(message, information);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(socket, message, message->nlmsg_len) > 0) {
		char answer[4096];
		ssize_t size = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		result = size > 0
			     ? mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(socket), NULL, NULL)
			     : -1;
	}
	if (result < 0)
		result = -errno;
	mnl_socket_close(socket);
	return result;
}

/* "eth0", or eth0, as dev_valid_name() takes it. */
static bool read_name(struct text word, char name[IFNAMSIZ])
{
	if (word.size > 2 && word.data[0] == '"' && word.data[word.size - 1] == '"')
		word = (struct text){word.data + 1, word.size - 2};
	if (!word.size || word.size >= IFNAMSIZ || text_is(word, ".") || text_is(word, ".."))
		return false;
	for (size_t i = 0; i < word.size; i++) {
		unsigned char c = (unsigned char)word.data[i];
		if (c <= ' ' || c >= 127 || strchr("/:\"%*", c))
			return false;
	}
	memcpy(name, word.data, word.size);
	name[word.size] = '\0';
	return true;
}

/* Those that nft missed. false: none could be made. */
static bool add_missing(const struct scratch *scratch, const struct buffer *said, unsigned *links)
{
	struct complaint complaint;
	char name[IFNAMSIZ];
	bool any = false;

	for (const char *at = said->data ? said->data : ""; next_complaint(&at, &complaint);) {
		if (!is_missing_link(&complaint) || *links == LINKS_MAX ||
		    !read_name(complained_of(scratch->text, &complaint), name) || if_nametoindex(name))
			continue;
		if (add_link(name) == 0) {
			++*links;
			any = true;
		}
	}
	return any;
}

/* --- Loading and listing
 * ---------------------------------------------------------------------------------------------- */

static enum outcome outcome_of(int error, const struct program_result *result)
{
	return error == -ENOENT ? OUTCOME_MISSING
	       : error < 0      ? OUTCOME_FAILED
	       : result->status ? OUTCOME_REFUSED
				: OUTCOME_LISTED;
}

/* What went wrong is told; of a script that was taken nothing. */
static enum outcome tell(enum outcome outcome, int error, const struct program_result *result, bool listing,
			 int output)
{
	const struct buffer *said = outcome == OUTCOME_REFUSED ? &result->errors : &result->output;

	if (outcome == OUTCOME_FAILED)
		write_all(output, strerror(-error), strlen(strerror(-error)));
	else if ((outcome == OUTCOME_REFUSED || (outcome == OUTCOME_LISTED && listing)) &&
		 !write_all(output, said->data ? said->data : "", said->size))
		return OUTCOME_FAILED;
	return outcome;
}

static enum outcome load_script(const struct scratch *scratch, int output)
{
	static const char *const load[] = {"nft", "-f", "-", NULL};
	unsigned links = 0;

	for (;;) {
		struct program_result result = {0};
		int error =
		    lseek(scratch->script, 0, SEEK_SET) != 0
			? -EIO
			: program_run_with(load, scratch->script, SECONDS_MAX, LIST_SIZE_MAX, &result);
		enum outcome outcome = outcome_of(error, &result);
		bool again = outcome == OUTCOME_REFUSED && add_missing(scratch, &result.errors, &links);
		if (!again)
			outcome = tell(outcome, error, &result, false, output);
		program_result_fini(&result);
		if (!again)
			return outcome;
	}
}

static int in_scratch(void *context, int output)
{
	static const char *const list[] = {"nft", "-j", "-n", "list", "ruleset", NULL};
	const struct scratch *scratch = context;
	struct program_result result;
	int error = program_own_network();

	if (error < 0) {
		write_all(output, strerror(-error), strlen(strerror(-error)));
		return OUTCOME_FORBIDDEN;
	}
	enum outcome outcome = load_script(scratch, output);
	if (outcome != OUTCOME_LISTED)
		return (int)outcome;
	error = program_run_with(list, -1, SECONDS_MAX, LIST_SIZE_MAX, &result);
	outcome = tell(outcome_of(error, &result), error, &result, true, output);
	program_result_fini(&result);
	return (int)outcome;
}

static void say_refused(const char *text, const struct source *script, struct diagnostics *sink)
{
	static const char hint[] = "it is loaded where there is nothing that the host has, and interfaces "
				   "only by name: give what nft "
				   "-j list ruleset prints on the host";
	struct complaint complaint;
	size_t said = 0;

	for (const char *at = text; next_complaint(&at, &complaint); said++) {
		struct text place = complained_of((struct text){script->data, script->size}, &complaint);
		uint32_t begin = (uint32_t)(place.data - script->data);
		struct diagnostic *error =
		    diagnostic_add(sink, SEVERITY_ERROR, "nft-refused",
				   (struct span){script, begin, begin + (uint32_t)place.size}, "nft: %.*s",
				   (int)complaint.message.size, complaint.message.data);
		if (is_missing_link(&complaint) || text_starts(complaint.message, "No such"))
			diagnostic_hint(error, "%s", hint);
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
	struct scratch scratch = {memfd_create("weir-script", MFD_CLOEXEC), script};
	struct program_result result = {0};
	int error = scratch.script < 0 ? -errno : 0;

	if (error == 0 && !write_all(scratch.script, script.data, script.size))
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
