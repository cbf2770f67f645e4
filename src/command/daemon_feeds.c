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
#define MARKED (300 * SECOND_NS) /* copies that could not be applied are tried again */
#define STOP_WAIT 10             /* s */

static void forget_policy(struct daemon_feeds *feeds)
{
	if (feeds->arena)
		arena_free(feeds->arena);
	feeds->arena = NULL;
	feeds->tree = NULL;
}

/* Of what it includes nothing is seen here; the process that fetches reads it all anew. */
static void read_policy(struct daemon *daemon)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	const struct policy_options options = {.now = (uint64_t)time(NULL)};
	struct daemon_feeds *feeds = &daemon->feeds;
	struct source *source;
	struct stat status;

	if (stat(feeds->path, &status) < 0) {
		daemon_log(daemon, LOG_WARNING, "no feeds are fetched: %s: %s", feeds->path, strerror(errno));
		forget_policy(feeds);
		return;
	}
	if (feeds->tree && status.st_mtim.tv_sec == feeds->seen.st_mtim.tv_sec &&
	    status.st_mtim.tv_nsec == feeds->seen.st_mtim.tv_nsec && status.st_size == feeds->seen.st_size &&
	    status.st_ino == feeds->seen.st_ino)
		return;
	forget_policy(feeds);
	feeds->arena = arena_new();
	int error = sink && feeds->arena ? policy_read_regular(feeds->arena, feeds->path, &source) : -ENOMEM;
	if (!error)
		error = policy_read(feeds->arena, sink, source, &options, &feeds->tree);
	if (error) {
		daemon_log(daemon, LOG_WARNING, "no feeds are fetched: %s cannot be read: weir feed list %s",
			   feeds->path, feeds->path);
		forget_policy(feeds);
		return;
	}
	feeds->seen = status;
}

/* Seconds until the first feed is due; at most as many. */
static int64_t seconds_left(struct daemon *daemon, int64_t most)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct feed_store store = FEED_STORE_NONE;
	struct buffer why = {0};
	const struct policy_tree *tree = daemon->feeds.tree;
	int64_t now = (int64_t)time(NULL), left = most;
	char path[PATH_MAX];
	int error = arena ? 0 : -ENOMEM;

	if (!error && snprintf(path, sizeof(path), "%s/%s", daemon->store.path, STATE_FEEDS) >= PATH_MAX)
		error = -ENAMETOOLONG;
	if (!error)
		error = feed_store_open(path, false, &store, &why);
	for (size_t i = 0; i < tree->set_count && left > 0; i++)
		for (size_t j = 0; j < tree->sets[i]->feed_count && left > 0; j++) {
			const struct policy_feed *feed = &tree->sets[i]->feeds[j];
			struct feed_record record = FEED_RECORD_NONE;
			char *name = arena ? arena_copy(arena, feed->name.data, feed->name.size) : NULL;
			if (!error && name)
				feed_record_read(arena, &store, name, &record);
			int64_t due = feed_due(&record, feed, now);
			if (due - now < left)
				left = due - now;
		}
	if (!error && left > 0 && feed_store_marked(&store) &&
	    now - daemon->feeds.last >= (int64_t)(MARKED / SECOND_NS))
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
	if (!feeds->tree)
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
