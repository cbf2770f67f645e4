/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir daemon: looks after what is in force, as long as it runs: backends that are to be checked, feeds that
 * are due, the fill of conntrack, devices that appear, rules that somebody else has changed. It changes no
 * rules but those that say which backend gets a connection, and XDP; and whatever it does, the same was done
 * by hand with weir apply, weir feed and weir attach before. Killed at any moment, it leaves what is in force
 * whole. */
#include "command/daemon.h"
#include "command/applied.h"
#include "command/clean.h"
#include "command/command.h"
#include "command/early_apply.h"
#include "command/early_state.h"
#include "daemon/conntrack.h"
#include "daemon/events.h"
#include "daemon/notify.h"
#include "kernel/link.h"
#include "kernel/state_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: weir daemon [POLICY] [options]\n"
    "       weir daemon status [options]\n"
    "\n"
    "Looks after what weir apply has put in force, in the foreground, until it is told to end (SIGTERM):\n"
    "\n"
    "- backends of \"balance ... check every\": asked by TCP; those that do not answer get no new "
    "connections\n"
    "  until they do. All of them get some when none answers, and when the daemon ends.\n"
    "- \"conntrack { warn at N% }\": said once when it is fuller than that.\n"
    "- XDP: attached at devices of the policy that appear, taken away when the rules or the host are no\n"
    "  longer what it was computed from (iptables -F, nft flush ruleset).\n"
    "- the feeds of POLICY: fetched when they are due, as by weir feed update --apply.\n"
    "\n"
    "status says what it knows: backends, feeds, conntrack. Exit status 1: one is down, or it does not "
    "run.\n"
    "\n" STATE_OPTION_HELP "  --json                  status: as JSON\n"
    "  --help\n"
    "\n"
    "SIGHUP: reads the policy again. For systemd there is weir-daemon.service.\n"
    "Exit status: 0 ended, 1 findings of status, 2 bad usage, 3 the system refused.\n";

#define FACTS (5 * SECOND_NS)   /* how often what nobody tells of is looked at: what the host says, ... */
#define LOOK (60 * SECOND_NS)   /* ... and members whose time is over */
#define LOCKED (SECOND_NS / 5)  /* until the lock is tried for again */
#define AGAIN (5 * SECOND_NS)   /* behind something that failed */
#define SETTLE (SECOND_NS / 50) /* more changes often follow one */
#define CONNTRACK (2 * SECOND_NS)
#define END_WAIT 5 /* s */

struct loop {
	struct daemon daemon;
	int signals, links, nftables;
	uint64_t put, look, facts, conntrack, watchdog, watchdog_every; /* when */
	uint64_t earliest;                                              /* look, not before */
	bool reload, end;
	bool told; /* the service manager, that it reads all anew */
};

/* --- Words --------------------------------------------------------------------------------------- */

void daemon_log(const struct daemon *daemon, int priority, const char *format, ...)
{
	struct buffer text = {0}, clean = {0};
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(&text, format, arguments);
	va_end(arguments);
	clean_print((struct text){text.data ? text.data : "", text.size}, &clean);
	if (daemon->journal)
		fprintf(stderr, "<%d>%s\n", priority, clean.data ? clean.data : "");
	else
		fprintf(stderr, "weir: daemon: %s\n", clean.data ? clean.data : "");
	buffer_fini(&text);
	buffer_fini(&clean);
}

void daemon_fault(struct daemon *daemon, const char *words)
{
	bool same =
	    words ? daemon->fault.size && strcmp(daemon->fault.data, words) == 0 : !daemon->fault.size;

	if (same)
		return;
	if (words)
		daemon_log(daemon, LOG_ERR, "%s", words);
	daemon->fault.size = 0;
	buffer_puts(&daemon->fault, words ? words : "");
	daemon->changed = true;
}

/* A line each, but of what stays as it is; and what was told last time is not told again. */
static void tell_early(struct daemon *daemon, struct early_report *report)
{
	const char *before = daemon->early.size ? daemon->early.data : "";
	struct buffer text = {0};
	size_t kept = 0;

	for (size_t i = 0; i < report->count; i++)
		if (report->list[i].verb != EARLY_KEPT)
			report->list[kept++] = report->list[i];
	report->count = kept;
	early_report_print(report, &text);
	for (const char *line = text.data ? text.data : ""; *line;) {
		size_t size = strcspn(line, "\n");
		if (size && !memmem(before, strlen(before), line, size))
			daemon_log(daemon, LOG_NOTICE, "%.*s", (int)size, line);
		line += size + (line[size] == '\n');
	}
	buffer_fini(&daemon->early);
	daemon->early = text;
}

/* --- What is in force ---------------------------------------------------------------------------- */

static void tell_recovered(const struct daemon *daemon, enum state_recovered recovered)
{
	static const char *const words[] = {
	    [STATE_RECOVERED_DONE] = "a change that was cut off had come through",
	    [STATE_RECOVERED_UNDONE] = "a change was cut off; what was before it is in force",
	    [STATE_RECOVERED_EXPIRED] = "a trial was over and not confirmed: it was taken back",
	};

	if (recovered < sizeof(words) / sizeof(*words) && words[recovered])
		daemon_log(daemon, LOG_NOTICE, "%s", words[recovered]);
}

static int find_state(struct loop *loop, uint64_t now, struct buffer *why)
{
	struct daemon *daemon = &loop->daemon;
	enum state_recovered recovered;
	struct state_pending pending;
	uint32_t number = 0;
	struct early_report early = {0};
	int error = early_recover(&daemon->store, &recovered, &pending, &early, why);

	for (size_t i = 0; i < early.count; i++)
		daemon_log(daemon, early.list[i].verb == EARLY_FAILED ? LOG_ERR : LOG_NOTICE,
			   "%s: early drop %s: %s", early.list[i].device, early_verbs[early.list[i].verb],
			   early.list[i].words ? early.list[i].words : "");
	early_report_fini(&early);
	if (!error) {
		tell_recovered(daemon, recovered);
		error = early_in_force(&daemon->store, &number, why);
	}
	if (!error && (number != daemon->number || loop->reload || !daemon->arena)) {
		error = daemon_load(daemon, number, now, why);
		loop->conntrack = now;
		loop->reload = error != 0;
	}
	return error;
}

/* Whether there is early drop to be looked after: all rules and members are read for it. */
static bool has_early(struct daemon *daemon)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct early_devices devices = {0};
	struct buffer why = {0};
	struct link *links;
	size_t count = 1;
	int error =
	    arena ? early_devices_read(&daemon->store, arena, daemon->number, &devices, &why) : -ENOMEM;

	buffer_fini(&why);
	return error || devices.count || link_with_xdp(arena, &links, &count) || count;
}

/* With the lock held. */
static int work(struct loop *loop, bool look, uint64_t now, struct buffer *why)
{
	struct daemon *daemon = &loop->daemon;
	struct early_report report = {0};
	int error = find_state(loop, now, why);
	int put = !error && daemon->arena ? daemon_put(daemon, false, why) : 0;

	if (look && has_early(daemon)) {
		if (!error)
			error = early_widen(&daemon->store, daemon->number, NULL, false, &report, why);
		if (error) { /* whatever is wrong, who empties the tables is not to be kept out */
			struct buffer words = {0};
			if (early_withdraw(&report, &words))
				daemon_log(daemon, LOG_ERR, "%s",
					   words.data ? words.data : "XDP cannot be looked at");
			buffer_fini(&words);
		}
		tell_early(daemon, &report);
		early_report_fini(&report);
	}
	return error ? error : put;
}

/* What is due that needs the lock of the states; while somebody else has it, that one is at it. */
static void attend(struct loop *loop)
{
	struct daemon *daemon = &loop->daemon;
	uint64_t begun = state_clock();
	bool look = begun >= loop->look;
	struct buffer why = {0};

	if (!look && begun < loop->put)
		return;
	int error = state_store_lock(&daemon->store, "daemon", 0, &why);
	if (error == -EAGAIN) {
		loop->put = begun + LOCKED;
		if (look)
			loop->look = begun + LOCKED;
		buffer_fini(&why);
		return;
	}
	if (!error) {
		error = work(loop, look, begun, &why);
		state_store_unlock(&daemon->store);
		daemon_forget_connections(daemon);
	}
	daemon_fault(daemon, error ? (why.size ? why.data : strerror(-error)) : NULL);
	buffer_fini(&why);
	/* What takes long is done less often; what somebody tells of, half of the time. */
	uint64_t now = state_clock(), took = now - begun;
	loop->put = error ? now + AGAIN : UINT64_MAX;
	if (look) {
		loop->earliest = now + (took > SETTLE ? took : SETTLE);
		loop->look = now + (10 * took > LOOK ? 10 * took : LOOK);
	}
}

/* Something has changed: what, is to be seen. */
static void look_soon(struct loop *loop, uint64_t now)
{
	uint64_t when = now > loop->earliest ? now : loop->earliest;

	if (when < loop->look)
		loop->look = when;
}

/* What XDP was computed from, but for the rules, is cheap to look at. */
static void look_at_facts(struct loop *loop, uint64_t begun)
{
	if (begun < loop->facts)
		return;
	bool stale = daemon_withdraw_stale(&loop->daemon);
	uint64_t now = state_clock(), took = now - begun;
	loop->facts = now + (10 * took > FACTS ? 10 * took : FACTS);
	if (stale)
		look_soon(loop, now);
}

/* --- Conntrack ----------------------------------------------------------------------------------- */

/* Told once, and again when it has been well below. */
static void look_at_conntrack(struct daemon *daemon)
{
	uint64_t warn = daemon->tree ? daemon->tree->conntrack.warn : 0, count, most;
	bool above = daemon->above;

	if (warn && !conntrack_fill(&count, &most) && most) {
		if (count * 100 >= most * warn)
			above = true;
		else if (count * 1000 < most * warn * 9)
			above = false;
		if (above && !daemon->above)
			daemon_log(daemon, LOG_WARNING,
				   "conntrack is %" PRIu64 "%% full: %" PRIu64 " of %" PRIu64
				   " connections; when it is full, new ones are dropped",
				   count * 100 / most, count, most);
		else if (!above && daemon->above)
			daemon_log(daemon, LOG_NOTICE,
				   "conntrack is %" PRIu64 "%% full again: %" PRIu64 " of %" PRIu64
				   " connections",
				   count * 100 / most, count, most);
	} else {
		above = false;
	}
	daemon->changed |= above != daemon->above;
	daemon->above = above;
}

/* --- The loop ------------------------------------------------------------------------------------ */

static void reap(struct daemon *daemon, uint64_t now)
{
	pid_t process;
	int status;

	while ((process = waitpid(-1, &status, WNOHANG)) > 0)
		daemon_feeds_ended(daemon, process, status, now);
}

static void take_signals(struct loop *loop, uint64_t now)
{
	struct signalfd_siginfo signal;
	char ready[64];

	while (read(loop->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		if (signal.ssi_signo == SIGCHLD) {
			reap(&loop->daemon, now);
		} else if (signal.ssi_signo == SIGHUP) {
			struct timespec clock;
			clock_gettime(CLOCK_MONOTONIC, &clock);
			snprintf(ready, sizeof(ready), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
				 (uint64_t)clock.tv_sec * 1000000 + (uint64_t)clock.tv_nsec / 1000);
			notify_send(ready);
			loop->reload = loop->told = true;
			loop->look = loop->daemon.feeds.next = now;
			loop->daemon.feeds.seen = (struct stat){0};
		} else {
			loop->end = true;
		}
	}
}

static uint64_t next_time(const struct loop *loop)
{
	const struct daemon *daemon = &loop->daemon;
	uint64_t next = checks_next(&daemon->checks);
	const uint64_t others[] = {
	    loop->put,
	    loop->look,
	    loop->facts,
	    daemon->tree && daemon->tree->conntrack.warn ? loop->conntrack : UINT64_MAX,
	    loop->watchdog_every ? loop->watchdog : UINT64_MAX,
	    daemon->feeds.path && !daemon->feeds.process ? daemon->feeds.next : UINT64_MAX};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (others[i] < next)
			next = others[i];
	return next;
}

static int wait_ms(uint64_t next, uint64_t now)
{
	uint64_t left = next > now ? (next - now + 999999) / 1000000 : 0;

	return left > 60000 ? 60000 : (int)left;
}

static void checked(void *context, const struct check *check)
{
	struct loop *loop = context;

	daemon_checked(&loop->daemon, check);
	loop->put = 0;
}

/* Once around. -errno: it cannot go on. */
static int turn(struct loop *loop, struct pollfd *fds)
{
	struct daemon *daemon = &loop->daemon;
	size_t count = 3;
	uint64_t now = state_clock();

	fds[0] = (struct pollfd){.fd = loop->signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = loop->links, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = loop->nftables, .events = POLLIN};
	count += checks_fds(&daemon->checks, fds + 3);
	if (poll(fds, count, wait_ms(next_time(loop), now)) < 0 && errno != EINTR)
		return -errno;
	now = state_clock();
	if (fds[0].revents)
		take_signals(loop, now);
	unsigned events = fds[1].revents ? events_read(loop->links) : 0;
	if (fds[2].revents)
		events |= events_read(loop->nftables);
	/* weir's own commands look after XDP themselves. */
	if (events & (EVENT_LINKS | EVENT_RULES))
		look_soon(loop, now);
	if (events & (EVENT_RULES | EVENT_WEIR))
		loop->put = 0;
	checks_run(&daemon->checks, fds + 3, count - 3, now, checked, loop);
	if (loop->end)
		return 0;
	look_at_facts(loop, now);
	attend(loop);
	if (loop->told) {
		loop->told = false;
		notify_send("READY=1");
	}
	if (now >= loop->conntrack) {
		look_at_conntrack(daemon);
		loop->conntrack = now + CONNTRACK;
	}
	daemon_feeds_look(daemon, now);
	daemon_write_status(daemon);
	if (loop->watchdog_every && now >= loop->watchdog) {
		notify_send("WATCHDOG=1");
		loop->watchdog = now + loop->watchdog_every;
	}
	return 0;
}

static int serve(struct loop *loop)
{
	struct pollfd *fds = NULL;
	size_t room = 0;
	int error = 0;

	loop->watchdog_every = notify_watchdog();
	attend(loop);
	daemon_write_status(&loop->daemon);
	daemon_log(&loop->daemon, LOG_INFO, "looks after state %" PRIu32 ": %zu backends to be checked%s%s",
		   loop->daemon.number, loop->daemon.checks.count,
		   loop->daemon.feeds.path ? ", feeds of " : "",
		   loop->daemon.feeds.path ? loop->daemon.feeds.path : "");
	notify_send("READY=1");
	while (!loop->end && !error) {
		size_t needed = loop->daemon.checks.count + 3;
		if (needed > room) {
			struct pollfd *grown = reallocarray(fds, needed, sizeof(*fds));
			if (!grown) {
				error = -ENOMEM;
				break;
			}
			fds = grown;
			room = needed;
		}
		error = turn(loop, fds);
	}
	free(fds);
	return error;
}

/* Nobody checks any more: all backends get connections again. */
static void put_back(struct daemon *daemon)
{
	struct buffer why = {0};
	uint32_t number = 0;
	int error;

	if (!daemon->base)
		return;
	error = state_store_lock(&daemon->store, "daemon", END_WAIT, &why);
	if (!error) {
		error = early_in_force(&daemon->store, &number, &why);
		if (!error && number == daemon->number)
			error = daemon_put(daemon, true, &why);
		state_store_unlock(&daemon->store);
	}
	if (error)
		daemon_log(daemon, LOG_ERR, "backends that are down stay out: %s",
			   why.size ? why.data : strerror(-error));
	buffer_fini(&why);
}

/* --- Begin and end ------------------------------------------------------------------------------- */

static int open_signals(void)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		sigaddset(&set, all[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int file = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return file < 0 ? -errno : file;
}

/* Each check that is on its way is a file. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int open_lock(struct daemon *daemon)
{
	daemon->lock =
	    openat(daemon->store.directory, DAEMON_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (daemon->lock < 0)
		return command_fail("daemon", EXIT_SYSTEM, "%s/" DAEMON_LOCK ": %s", daemon->store.path,
				    strerror(errno));
	/* who asks for the status holds it for a moment */
	for (unsigned i = 0; i < 10 && flock(daemon->lock, LOCK_EX | LOCK_NB) < 0; i++)
		usleep(20000);
	if (flock(daemon->lock, LOCK_EX | LOCK_NB) < 0)
		return command_fail("daemon", EXIT_SYSTEM, "another daemon of weir looks after %s",
				    daemon->store.path);
	return EXIT_DONE;
}

static int open_all(struct loop *loop)
{
	const struct {
		int *file;
		int opened;
		const char *what;
	} all[] = {{&loop->signals, open_signals(), "signals"},
		   {&loop->links, events_links(), "changes of interfaces"},
		   {&loop->nftables, events_nftables(), "changes of nftables"}};
	int code = EXIT_DONE;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		*all[i].file = all[i].opened;
		if (all[i].opened < 0)
			code = command_fail("daemon", EXIT_SYSTEM, "cannot be told of %s: %s%s", all[i].what,
					    strerror(-all[i].opened),
					    all[i].opened == -EPERM ? "; weir needs root" : "");
	}
	return code;
}

static void close_all(struct loop *loop)
{
	const int files[] = {loop->signals, loop->links, loop->nftables, loop->daemon.lock};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i] >= 0)
			close(files[i]);
}

static int run(struct loop *loop, const char *directory)
{
	struct daemon *daemon = &loop->daemon;
	struct buffer why = {0};
	int error = state_store_open(directory, true, &daemon->store, &why);
	int code = error ? applied_fail("daemon", error, &why) : open_lock(daemon);

	buffer_fini(&why);
	if (!code)
		code = open_all(loop);
	if (!code) {
		raise_limit();
		error = serve(loop);
		if (error)
			code = command_fail("daemon", EXIT_SYSTEM, "%s", strerror(-error));
		notify_send("STOPPING=1");
		daemon_feeds_stop(daemon);
		put_back(daemon);
		unlinkat(daemon->store.directory, DAEMON_FILE, 0);
		daemon_log(daemon, LOG_INFO, "ends");
	}
	daemon_unload(daemon);
	close_all(loop);
	state_store_close(&daemon->store);
	buffer_fini(&daemon->fault);
	buffer_fini(&daemon->early);
	return code;
}

static int daemon_main(int argc, char **argv)
{
	enum { STATE = 256, JSON };
	static const struct option options[] = {{"state", required_argument, NULL, STATE},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct loop loop = {
	    .daemon = {.store = STATE_STORE_NONE, .lock = -1}, .signals = -1, .links = -1, .nftables = -1};
	const char *directory = NULL;
	bool json = false;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case STATE:
			directory = optarg;
			break;
		case JSON:
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	bool status = optind < argc && strcmp(argv[optind], "status") == 0;
	if (argc - optind > 1)
		return command_fail("daemon", EXIT_USAGE, "%s: more than it takes", argv[argc - 1]);
	if (status)
		return daemon_status(directory, json);
	if (json)
		return command_fail("daemon", EXIT_USAGE, "--json is of status");
	if (optind < argc)
		loop.daemon.feeds.path = argv[optind];
	loop.daemon.journal = notify_has_journal();
	loop.daemon.started = (int64_t)time(NULL);
	loop.daemon.changed = true;
	return run(&loop, directory);
}

const struct command command_daemon = {
    .name = "daemon",
    .main = daemon_main,
    .summary = "look after what is in force: backends, feeds, conntrack, devices",
};
