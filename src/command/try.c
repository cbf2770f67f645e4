/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir try: weir apply for a while. A process of its own takes it back when nobody confirms: in a session of
 * its own, so that neither the terminal's end nor a kill of the caller reaches it. Should it be killed
 * itself, the next command of weir that works on states takes the trial back once its time is over. */
#include "command/applied.h"
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: weir try RULES... [options]\n"
    "\n"
    "Applies the rules as weir apply does, and takes them back - rules, sets and settings - unless weir "
    "confirm\n"
    "comes in time. A process in the background sees to it, whatever becomes of the terminal; where that "
    "process\n"
    "is killed, the next weir apply, try, confirm, rollback or set does, once the time is over.\n"
    "\n"
    "RULES: a policy, files of iptables-save, ip6tables-save, ipset save or nft, or a directory like "
    "/etc/iptables\n"
    "\n"
    "  --timeout SECONDS       60s (default), 5min\n" STATE_OPTION_HELP "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done, 2 bad usage or input, 3 the system refused, 4 not proven within the budget.\n";

#define TIMEOUT_MAX 86400u
#define POLL 1        /* s */
#define LOCK_WAIT 600 /* s */
#define HOLDER_TRIES 50
#define HOLDER_PAUSE 100000 /* us */

/* Whether there is still something to be taken back. */
static bool still_pending(struct state_store *store, uint64_t deadline)
{
	struct state_pending pending;
	struct buffer why = {0};
	int error = state_pending(store, &pending, &why);

	buffer_fini(&why);
	return error || (pending.kind == STATE_PENDING_TRY && pending.deadline == deadline);
}

static int take_back(struct state_store *store, uint64_t deadline)
{
	struct state_pending pending;
	enum state_recovered recovered = STATE_RECOVERED_NOTHING;
	struct early_report early = {0};
	struct buffer why = {0};
	int error = state_store_lock(store, "try", LOCK_WAIT, &why);

	if (!error) {
		if (still_pending(store, deadline))
			error = early_recover(store, &recovered, &pending, &early, &why);
		state_store_unlock(store);
	}
	if (error)
		syslog(LOG_ERR, "the trial could not be taken back, and is tried again: %s",
		       why.data ? why.data : strerror(-error));
	else if (recovered == STATE_RECOVERED_EXPIRED)
		syslog(LOG_NOTICE, "the trial was not confirmed: it was taken back");
	for (size_t i = 0; i < early.count; i++)
		syslog(early.list[i].verb == EARLY_FAILED ? LOG_ERR : LOG_NOTICE, "early drop: %s %s%s%s",
		       early.list[i].device, early_verbs[early.list[i].verb],
		       *early.list[i].words ? ": " : "", early.list[i].words);
	early_report_fini(&early);
	buffer_fini(&why);
	return error;
}

static _Noreturn void hold(struct state_store *store, uint64_t deadline)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTTOU, SIGTTIN, SIGTSTP};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	openlog("weir", LOG_PID, LOG_DAEMON);
	while (state_clock() < deadline && still_pending(store, deadline)) {
		uint64_t left = deadline - state_clock();
		struct timespec pause = {.tv_sec = POLL};
		if (left < (uint64_t)POLL * 1000000000)
			pause = (struct timespec){.tv_nsec = (long)left};
		nanosleep(&pause, NULL);
	}
	/* Whoever waits for this may have no other way in. */
	while (still_pending(store, deadline) && take_back(store, deadline))
		sleep(POLL);
	_exit(0);
}

/* The store's lock is the caller's: this process must not keep it. */
static void become_holder(const struct state_store *store, int lock, uint64_t deadline)
{
	struct state_store own = {
	    .path = store->path, .directory = store->directory, .lock = -1, .space = -1};
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (setsid() < 0 || nowhere < 0 || chdir("/") < 0)
		_exit(1);
	for (int i = 0; i < 3; i++)
		dup2(nowhere, i);
	long limit = sysconf(_SC_OPEN_MAX);
	for (int i = 3; i < (limit > 0 && limit < 65536 ? limit : 65536); i++)
		if (i != own.directory && i != lock)
			close(i);
	pid_t second = fork(); /* no leader of a session: it can get no terminal again */
	if (second == 0)
		hold(&own, deadline);
	_exit(second < 0 ? 1 : 0);
}

int holder_start(struct state_store *store, uint64_t deadline)
{
	/* Held by the one who waits, from before it is there. That of a trial that was ended looks once in a
	 * while, and then goes. */
	int lock = state_holder_lock(store), status;

	for (unsigned i = 0; i < HOLDER_TRIES && lock == -EAGAIN; i++) {
		usleep(HOLDER_PAUSE);
		lock = state_holder_lock(store);
	}
	if (lock < 0)
		return lock;
	fflush(NULL);
	pid_t first = fork();
	if (first == 0)
		become_holder(store, lock, deadline);
	close(lock);
	if (first < 0)
		return -errno;
	while (waitpid(first, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static bool parse_timeout(const char *text, uint64_t *seconds)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno || end == text || *text == '-' || *text == '+')
		return false;
	if (strcmp(end, "min") == 0 || strcmp(end, "m") == 0)
		number = number > TIMEOUT_MAX ? 0 : number * 60;
	else if (*end && strcmp(end, "s") != 0)
		return false;
	*seconds = number;
	return number > 0 && number <= TIMEOUT_MAX;
}

static int try_main(int argc, char **argv)
{
	enum { TIMEOUT = 256, STATE, JSON };
	static const struct option options[] = {{"timeout", required_argument, NULL, TIMEOUT},
						{"state", required_argument, NULL, STATE},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct apply_options asked = {.command = "try", .timeout = 60};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case TIMEOUT:
			if (!parse_timeout(optarg, &asked.timeout))
				return command_fail("try", EXIT_USAGE,
						    "--timeout %s: expected 1s to 24 hours, as 60s or 5min",
						    optarg);
			break;
		case STATE:
			asked.directory = optarg;
			break;
		case JSON:
			asked.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	asked.paths = (const char *const *)(argv + optind);
	asked.path_count = (size_t)(argc - optind);
	return apply_run(&asked);
}

const struct command command_try = {
    .name = "try",
    .main = try_main,
    .summary = "apply rules, and take them back unless confirmed in time",
};
