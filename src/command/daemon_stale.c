/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What weir attach attached for the rules of iptables goes when these, or the host, are no longer what they
 * were: `iptables -F` is what people reach for when a host is not to be reached, and must not leave XDP
 * dropping. Nobody tells of such a change, so all is read anew. What is attached for applied rules is
 * early_widen()'s. */
#include "command/attaching.h"
#include "command/command.h"
#include "command/daemon.h"
#include "kernel/attach.h"
#include "read/load.h"

#include <errno.h>

struct looking {
	struct daemon *daemon;
	struct arena *arena;
	bool live_read, live_known, stale, blind;
	uint64_t fingerprint;
};

static void read_live(struct looking *looking)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;

	if (looking->live_read)
		return;
	looking->live_read = true;
	looking->live_known =
	    sink && !rules_load_live(sink, &live) && !meta_fingerprint(live, &looking->fingerprint);
}

/* The program that was looked at: somebody may have attached another one since, for the rules as they are. */
static void withdraw(const struct daemon *daemon, const struct link *link, uint32_t program,
		     const struct host_problem *problem)
{
	struct buffer why = {0};
	int error = attach_remove_program(link->index, program, &why);

	if (!error)
		daemon_log(daemon, LOG_WARNING, "%s: detached, as what was attached no longer holds: %s",
			   link->name, problem->text);
	else if (error != -ENOENT)
		daemon_log(daemon, LOG_ERR, "%s: what is attached no longer holds and cannot be detached: %s",
			   link->name, why.data ? why.data : strerror(-error));
	buffer_fini(&why);
}

/* Told once, while it is so. */
static void tell_blind(struct looking *looking, const struct link *link, const char *what, const char *why)
{
	looking->blind = true;
	if (!looking->daemon->blind)
		daemon_log(looking->daemon, LOG_WARNING,
			   "%s: what weir attach attached is not watched, as %s cannot be looked at: %s",
			   link->name, what, why);
}

static void look_at(struct looking *looking, const struct link *link)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct host_problem *problems;
	struct host host;
	size_t count = 0;

	if (attachment_open(link_program(link), &attachment))
		return;
	bool live = attachment.meta.header->rules == META_LIVE;
	int error = host_read(looking->arena, link->name, &host);
	if (error && live)
		tell_blind(looking, link, "the host",
			   error == -EPERM ? "that needs CAP_SYS_ADMIN" : strerror(-error));
	if (error)
		return;
	if (live && attachment.meta.header->has_fingerprint) {
		read_live(looking);
		if (!looking->live_known)
			tell_blind(looking, link, "the rules of iptables",
				   "iptables-legacy-save needs CAP_NET_RAW");
	}
	if (attachment_stale(looking->arena, &attachment.meta, &host,
			     live && looking->live_known ? &looking->fingerprint : NULL, &problems, &count) ||
	    !count)
		return;
	if (live)
		withdraw(looking->daemon, link, attachment.program_id, &problems[0]);
	else
		looking->stale = true;
}

bool daemon_withdraw_stale(struct daemon *daemon)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct looking looking = {.daemon = daemon, .arena = arena};
	struct link *links;
	size_t count;

	if (!arena || link_with_xdp(arena, &links, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		look_at(&looking, &links[i]);
	daemon->blind = looking.blind;
	return looking.stale;
}
