/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Progress of work whose length is not known before: what, and for how long. A timer's signal writes it, so
 * that the layers below need not know; only write(2) is called there (signal-safety(7)). */
#include "command/command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const char *doing;
static volatile sig_atomic_t seconds;

static void show(int signal)
{
	int before = errno;
	char line[128] = "\rweir: ";
	size_t size = 7;
	(void)signal;
	seconds++;
	for (const char *c = doing; *c && size < 100; c++)
		line[size++] = *c;
	line[size++] = ' ';
	char digits[12];
	size_t count = 0;
	for (int rest = seconds; rest > 0; rest /= 10)
		digits[count++] = (char)('0' + rest % 10);
	while (count > 0)
		line[size++] = digits[--count];
	line[size++] = ' ';
	line[size++] = 's';
	ssize_t written = write(STDERR_FILENO, line, size);
	(void)written; /* nothing to be done about it here */
	errno = before;
}

static void set_timer(long interval)
{
	struct itimerval timer = {.it_interval.tv_sec = interval, .it_value.tv_sec = interval};
	setitimer(ITIMER_REAL, &timer, NULL);
}

void command_progress_start(const char *what)
{
	struct sigaction action = {.sa_handler = show, .sa_flags = SA_RESTART};
	if (!isatty(STDERR_FILENO))
		return;
	doing = what;
	seconds = 0;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) == 0)
		set_timer(1);
}

void command_progress_stop(void)
{
	if (!doing)
		return;
	set_timer(0);
	signal(SIGALRM, SIG_DFL);
	doing = NULL;
	if (seconds > 0) {
		static const char clear[] = "\r\033[K";
		ssize_t written = write(STDERR_FILENO, clear, sizeof(clear) - 1);
		(void)written;
	}
}
