/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The namespace belongs to one thread (unshare(2) of a network namespace holds for the calling thread alone)
 * and to what it starts. It goes away with the thread. */
#include "kernel/nft_stage.h"
#include "kernel/netlink.h"
#include "read/program.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20)

#define PEER_INDEX 0x7f000000 /* beyond those that a host comes to */

struct stage {
	struct text script;
	const struct if_nameindex *links; /* of where we come from */
	struct nft_image **image;
	struct buffer *why;
	int error;
};

static int write_script(struct text script, int *file)
{
	*file = memfd_create("weir.nft", 0); /* nft opens it by its name under /proc/self/fd */
	if (*file < 0)
		return -errno;
	for (size_t at = 0; at < script.size;) {
		ssize_t done = write(*file, script.data + at, script.size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			int error = done < 0 ? -errno : -EIO;
			close(*file);
			return error;
		}
		at += (size_t)done;
	}
	return 0;
}

/* Whether the script says: device "name". */
static bool is_named(struct text script, const char *name)
{
	char words[IF_NAMESIZE + 16];
	int size = snprintf(words, sizeof(words), "device \"%s\"", name);

	return memmem(script.data, script.size, words, (size_t)size) != NULL;
}

/* One end of a veth pair under that name and number: the kernel keeps the number in the rule (nft_dup_netdev,
 * nft_dup_ipv4), and nft looks the name up. The other end must not take a number that is wanted. */
static int add_link(const struct if_nameindex *link, int peer)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	struct ifinfomsg *about = mnl_nlmsg_put_extra_header(message, sizeof(*about));
	about->ifi_index = (int)link->if_index;
	mnl_attr_put_strz(message, IFLA_IFNAME, link->if_name);
	struct nlattr *information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	struct nlattr *other = mnl_attr_nest_start(message, VETH_INFO_PEER);
	struct ifinfomsg *other_end = mnl_nlmsg_put_extra_header(message, sizeof(*other_end));
	other_end->ifi_index = peer;
	mnl_attr_nest_end(message, other);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
	return netlink_request(NETLINK_ROUTE, message, NULL, NULL, NULL);
}

/* The interfaces that rules send copies to: nft wants them to be there. One that the host does not have is
 * left to nft to complain of. */
static int add_links(struct stage *stage)
{
	int peer = PEER_INDEX;

	for (const struct if_nameindex *link = stage->links; link->if_index; link++) {
		if (strcmp(link->if_name, "lo") == 0 || !is_named(stage->script, link->if_name))
			continue;
		int error = add_link(link, peer++);
		if (error) {
			buffer_printf(stage->why, "cannot make an interface \"%s\" to try the rules with: %s",
				      link->if_name, strerror(-error));
			return error;
		}
	}
	return 0;
}

static int load(struct stage *stage)
{
	struct program_result result = {0};
	char path[32];
	int file, error = write_script(stage->script, &file);

	if (error) {
		buffer_printf(stage->why, "cannot keep the script in memory: %s", strerror(-error));
		return error;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	const char *arguments[] = {"nft", "-f", path, NULL};
	error = program_run(arguments, OUTPUT_MAX, &result);
	close(file);
	if (error == -ENOENT) {
		buffer_puts(stage->why, "there is no nft program: install nftables");
	} else if (error) {
		buffer_printf(stage->why, "cannot run nft: %s", strerror(-error));
	} else if (result.status) {
		buffer_printf(stage->why, "nft does not take the script: %.*s", (int)result.errors.size,
			      result.errors.data ? result.errors.data : "");
		error = -EINVAL;
	}
	program_result_fini(&result);
	return error;
}

static void *run(void *context)
{
	struct stage *stage = context;

	if (unshare(CLONE_NEWNET) < 0) {
		stage->error = -errno;
		buffer_printf(stage->why, "cannot make a network namespace to try the rules in: %s%s",
			      strerror(errno), errno == EPERM ? "; weir needs root (CAP_SYS_ADMIN)" : "");
		return NULL;
	}
	stage->error = add_links(stage);
	if (!stage->error)
		stage->error = load(stage);
	if (!stage->error)
		stage->error = nft_image_read(stage->image, stage->why);
	return NULL;
}

int nft_stage(struct text script, struct nft_image **image, struct buffer *why)
{
	struct if_nameindex *links = if_nameindex();
	struct stage stage = {.script = script, .links = links, .image = image, .why = why};
	pthread_t thread;

	if (!links) {
		int error = errno;
		buffer_printf(why, "cannot list the interfaces: %s", strerror(error));
		return -error;
	}
	int error = pthread_create(&thread, NULL, run, &stage);
	if (error) {
		buffer_printf(why, "cannot start a thread: %s", strerror(error));
		stage.error = -error;
	} else {
		pthread_join(thread, NULL);
	}
	if_freenameindex(links);
	return stage.error;
}
