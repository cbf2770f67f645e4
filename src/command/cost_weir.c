// SPDX-License-Identifier: GPL-2.0-or-later
/* Weir itself, for `weir cost`: compiled and loaded as `weir attach` would on a host that does not forward.
 */
#include "command/command.h"
#include "command/cost.h"

#include "base/clock.h"
#include "kernel/attach.h"
#include "plane/xdp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int refused(struct buffer *why, const char *what, int error)
{
	if (!why->size)
		buffer_printf(why, "%s: %s", what, strerror(-error));
	return error;
}

int cost_compile(struct cost *cost, struct buffer *why)
{
	/* The stage does not forward; NAT is as the rules say. */
	const struct region_options options = {.interface = cost->interface,
					       .forwarding = {TRUTH_NO, TRUTH_NO},
					       .nat = {TRUTH_UNKNOWN, TRUTH_UNKNOWN},
					       .allowed = cost->allowed};
	double start = clock_seconds();
	command_progress_start("computing what may be dropped early");
	int error = plane_compute(cost->ruleset, &options, cost->regions, &cost->plane, why);
	command_progress_stop();

	if (error)
		return refused(why, "computing what may be dropped early", error);
	cost->compile_seconds = clock_seconds() - start;
	return 0;
}

/* Loaded and tried like any; put at the interface by the measuring itself, which puts it there and takes it
 * away again round by round, so that no description and no counters of predecessors are wanted. */
int cost_take_weir(struct cost *cost, struct buffer *why)
{
	const struct region *const regions[FAMILY_COUNT] = {cost->regions[FAMILY_IPV4],
							    cost->regions[FAMILY_IPV6]};
	__attribute__((cleanup(plane_xdp_cleanup))) struct plane_xdp *xdp = NULL;
	int error, program;

	error = plane_xdp_open(cost->plane, cost->stage.interface_mac, NULL, &xdp);
	if (error)
		return refused(why, "loading the XDP program", error);
	error = attach_rehearse(xdp->program_fd, xdp->counters_fd, xdp->stride, cost->plane,
				cost->stage.interface_mac, regions, why);
	if (error)
		return refused(why, "trying the XDP program", error);
	program = fcntl(xdp->program_fd, F_DUPFD_CLOEXEC, 3);
	return program < 0 ? refused(why, "keeping the XDP program", -errno) : program;
}
