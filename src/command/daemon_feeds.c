/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Feeds when they are due: weir feed update --apply, in a process of its own, which fetches, judges and
 * applies; so nothing of what a feed sends is ever in the daemon's memory. */
#include "command/command.h"
#include "command/daemon.h"
#include "feed/update.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MAX (60 * SECOND_NS) /* the clock may be set, the policy be edited */
#define AGAIN (60 * SECOND_NS)    /* at least, behind one that failed */
#define SOON (5 * SECOND_NS)
#define MARKED 300   /* copies that could not be applied are tried again */
#define STOP_WAIT 10 /* s */

/* What is known of the policy: it may have large lists, which are not kept. */
struct daemon_feed {
	const char *name;
	struct policy_feed feed; /* url, every */
};

static void forget_policy(struct daemon_feeds *feeds)
{
	if (feeds->arena)
		arena_free(feeds->arena);
	feeds->arena = NULL;
	feeds->list = NULL;
	feeds->count = feeds->capacity = 0;
}

static int keep_feeds(struct daemon_feeds *feeds, const struct policy_tree *tree)
{
	for (size_t i = 0; i < tree->set_count; i++)
		for (size_t j = 0; j < tree->sets[i]->feed_count; j++) {
			const struct policy_feed *feed = &tree->sets[i]->feeds[j];
			struct daemon_feed *kept = arena_push(feeds->arena, (void **)&feeds->list,
							      &feeds->count, &feeds->capacity, sizeof(*kept));
			if (!kept)
				return -ENOMEM;
			kept->name = arena_copy(feeds->arena, feed->name.data, feed->name.size);
			kept->feed.url = arena_copy(feeds->arena, feed->url, strlen(feed->url));
			kept->feed.every = feed->every;
			if (!kept->name || !kept->feed.url)
				return -ENOMEM;
		}
	return 0;
}

static bool is_as_seen(const struct daemon_feeds *feeds, const struct stat *status)
{
	const struct stat *seen = &feeds->seen;

	return feeds->arena && status->st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	       status->st_mtim.tv_nsec == seen->st_mtim.tv_nsec && status->st_size == seen->st_size &&
	       status->st_ino == seen->st_ino;
}

/* Of what it includes nothing is seen here; the process that fetches reads it all anew. */
static void read_policy(struct daemon *daemon)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	const struct policy_options options = {.now = (uint64_t)time(NULL)};
	struct daemon_feeds *feeds = &daemon->feeds;
	struct policy_tree *tree;
	struct source *source;
	struct stat status = {0};

	if (stat(feeds->path, &status) == 0 && is_as_seen(feeds, &status))
		return;
	forget_policy(feeds);
	int error = sink && arena ? policy_read_regular(arena, feeds->path, &source) : -ENOMEM;
	if (!error)
		error = policy_read(arena, sink, source, &options, &tree);
	feeds->arena = error ? NULL : arena_new();
	if (!error)
		error = feeds->arena ? keep_feeds(feeds, tree) : -ENOMEM;
	if (error) {
		if (!feeds->failed)
			daemon_log(daemon, LOG_WARNING, "no feeds are fetched: %s: %s", feeds->path,
				   error == -EINVAL ? "it cannot be read; see weir feed list"
						    : strerror(-error));
		forget_policy(feeds);
	}
	feeds->failed = error;
	feeds->seen = status;
}

/* Seconds until the first feed is due; at most as many. */
static int64_t seconds_left(struct daemon *daemon, int64_t most)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	const struct daemon_feeds *feeds = &daemon->feeds;
	struct feed_store store = FEED_STORE_NONE;
	struct buffer why = {0};
	int64_t now = (int64_t)time(NULL), left = most;
	char path[PATH_MAX];
	int error = arena ? 0 : -ENOMEM;

	if (!error && snprintf(path, sizeof(path), "%s/%s", daemon->store.path, STATE_FEEDS) >= PATH_MAX)
		error = -ENAMETOOLONG;
	if (!error)
		error = feed_store_open(path, false, &store, &why);
	for (size_t i = 0; i < feeds->count; i++) {
		struct feed_record record = FEED_RECORD_NONE;
		if (!error)
			feed_record_read(arena, &store, feeds->list[i].name, &record);
		int64_t due = feed_due(&record, &feeds->list[i].feed, now);
		left = due - now < left ? due - now : left;
	}
	if (!error && left > 0 && feed_store_marked(&store) && now - feeds->last >= MARKED)
		left = 0;
	feed_store_close(&store);
	buffer_fini(&why);
	return left > 0 ? left : 0;
}

static _Noreturn void fetch(const struct daemon *daemon)
{
	const char *const arguments[] = {
	    "weir", "feed", "update", "--apply", "--state", daemon->store.path, "--", daemon->feeds.path,
	    NULL};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(2, 1);
	execv("/proc/self/exe", (char *const *)arguments);
	daemon_log(daemon, LOG_ERR, "cannot run weir feed update: %s", strerror(errno));
	_exit(EXIT_SYSTEM);
}

void daemon_feeds_look(struct daemon *daemon, uint64_t now)
{
	struct daemon_feeds *feeds = &daemon->feeds;

	if (!feeds->path || feeds->process || now < feeds->next)
		return;
	feeds->next = now + LOOK_MAX;
	read_policy(daemon);
	if (!feeds->count)
		return;
	int64_t left = seconds_left(daemon, (int64_t)(LOOK_MAX / SECOND_NS));
	if (left > 0) {
		feeds->next = now + (uint64_t)left * SECOND_NS;
		return;
	}
	fflush(NULL);
	feeds->process = fork();
	if (feeds->process == 0)
		fetch(daemon);
	if (feeds->process < 0) {
		daemon_log(daemon, LOG_ERR, "no feeds are fetched: %s", strerror(errno));
		feeds->process = 0;
	}
}

bool daemon_feeds_ended(struct daemon *daemon, pid_t process, int status, uint64_t now)
{
	struct daemon_feeds *feeds = &daemon->feeds;

	if (process != feeds->process)
		return false;
	feeds->process = 0;
	feeds->last = (int64_t)time(NULL);
	feeds->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM;
	feeds->next = now + (feeds->status ? AGAIN : SOON);
	daemon->changed = true;
	if (feeds->status)
		daemon_log(daemon, LOG_WARNING, "weir feed update ended with status %d: weir feed list %s",
			   feeds->status, feeds->path);
	return true;
}

void daemon_feeds_stop(struct daemon *daemon)
{
	struct daemon_feeds *feeds = &daemon->feeds;
	int status;

	for (unsigned i = 0; feeds->process && i < STOP_WAIT * 10; i++) {
		kill(feeds->process, SIGTERM);
		if (waitpid(feeds->process, &status, WNOHANG) != 0)
			feeds->process = 0;
		else
			usleep(100000);
	}
	forget_policy(feeds);
}
