/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir daemon: what its files share. One process, one loop, nothing that waits: what may take long is done by
 * processes of their own. */
#ifndef WEIR_COMMAND_DAEMON_H
#define WEIR_COMMAND_DAEMON_H

#include "daemon/check.h"
#include "kernel/nft_part.h"
#include "kernel/state_store.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <syslog.h>

#define DAEMON_FILE "daemon.json" /* in the directory of states: what the daemon knows */
#define SECOND_NS ((uint64_t)1000000000)

/* Feeds of a policy, and the process that fetches them. */
struct daemon_feeds {
	const char *path;    /* NULL: none are fetched */
	struct arena *arena; /* NULL: it was not read */
	size_t count, capacity;
	struct daemon_feed *list;
	struct stat seen; /* the file, when it was read */
	bool failed;      /* it could not be */
	uint64_t next;    /* when they are looked at */
	pid_t process;    /* 0: none */
	int64_t last;     /* seconds since 1970: the last one ended; 0: none has */
	int status;
};

struct daemon {
	struct state_store store;
	int lock;
	bool journal;
	int64_t started;
	/* Of the state in force. */
	uint32_t number; /* 0: none */
	struct arena *arena;
	struct policy_tree *tree; /* NULL: there is nothing to look after */
	struct nft_image
	    *base;    /* chains that share connections, as the state has them; NULL: there are none */
	bool settled; /* none was out when it was read, or all are known since */
	struct checks checks;
	struct nft_image *target; /* the same as they are to be by what the checks say; NULL: not known */
	/* What was said last; it is not said twice. */
	struct buffer fault, early;
	/* Whether conntrack is full: of the last look. */
	bool above;
	bool blind; /* what weir attach attached cannot be watched */
	struct daemon_feeds feeds;
	bool forget;  /* backends are out since the last time */
	bool changed; /* since the file was written */
};

__attribute__((format(printf, 3, 4))) void daemon_log(const struct daemon *daemon, int priority,
						      const char *format, ...);
/* The same, of something that goes on: once, until other words are given, or NULL. */
void daemon_fault(struct daemon *daemon, const char *words);

/* --- daemon_balance.c: which backends get connections ---------------------------------------------- */

/* With the store's lock held. Reads what is to be looked after while the state is in force. 0 or -errno. */
int daemon_load(struct daemon *daemon, uint32_t number, uint64_t now, struct buffer *why);
void daemon_unload(struct daemon *daemon);
/* What a check has found. */
void daemon_checked(void *context, const struct check *check);
/* With the store's lock held: what the checks say, in the kernel's rules. `all`: as if all were up. */
int daemon_put(struct daemon *daemon, bool all, struct buffer *why);
/* Behind it, without the lock: connections on their way to backends that are out since begin anew. */
void daemon_forget_connections(struct daemon *daemon);
/* Whether the backend is to get no connections, as things are. */
bool daemon_is_out(const struct daemon *daemon, const struct check *check);
/* "192.0.2.1 port 80" */
void daemon_print_place(enum family family, address place, uint16_t port, struct buffer *out);

/* --- daemon_feeds.c -------------------------------------------------------------------------------- */

void daemon_feeds_look(struct daemon *daemon, uint64_t now);
/* A process has ended: whether it was that of the feeds. */
bool daemon_feeds_ended(struct daemon *daemon, pid_t process, int status, uint64_t now);
void daemon_feeds_stop(struct daemon *daemon);

/* --- daemon_stale.c -------------------------------------------------------------------------------- */

/* Takes away what weir attach attached for rules of iptables, where these or the host are others now. Whether
 * the host is another than what is attached for applied rules was computed from. */
bool daemon_withdraw_stale(struct daemon *daemon);

/* --- daemon_status.c ------------------------------------------------------------------------------- */

void daemon_write_status(struct daemon *daemon);
int daemon_status(const char *directory, bool json);

#endif
