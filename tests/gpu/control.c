// SPDX-License-Identifier: GPL-2.0
/*
 * The control socket. Each client has its own thread, so that a waiting client does
 * not block others. commands.c executes the commands.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpu.h"

#define CLIENTS 16
#define LINE_MAX_BYTES 8192
#define REPLY_MAX_BYTES 8192

struct client {
	struct control *control;
	pthread_t thread;
	int fd; /* or -1 */
	bool started, done;
};

struct control {
	struct gpu *gpu;
	pthread_t thread;
	pthread_mutex_t lock; /* protects the clients */
	struct client client[CLIENTS];
	char *path;
	int listener;
	bool stop;
};

static bool send_all(int fd, const char *s, size_t n)
{
	ssize_t k;

	for (; n; n -= k, s += k) {
		k = send(fd, s, n, MSG_NOSIGNAL);
		if (k <= 0)
			return false;
	}
	return true;
}

static void *client_thread(void *arg)
{
	struct client *client = arg;
	struct control *control = client->control;
	char line[LINE_MAX_BYTES], reply[REPLY_MAX_BYTES + 1], *end;
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(line) - 1 &&
	       (n = recv(client->fd, line + have, sizeof(line) - 1 - have, 0)) >
		       0) {
		have += n;
		line[have] = 0;
		while ((end = memchr(line, '\n', have))) {
			*end++ = 0;
			control_line(control->gpu, line, reply,
				     REPLY_MAX_BYTES);
			strcat(reply, "\n");
			have -= end - line;
			if (!send_all(client->fd, reply, strlen(reply)))
				have = sizeof(line);
			else
				memmove(line, end, have);
			if (have == sizeof(line))
				break;
		}
	}
	pthread_mutex_lock(&control->lock);
	close(client->fd);
	client->fd = -1;
	client->done = true;
	pthread_mutex_unlock(&control->lock);
	return NULL;
}

/* Find a client whose thread was not started or has ended. */
static struct client *free_client(struct control *control)
{
	struct client *client;

	for (client = control->client; client < control->client + CLIENTS;
	     client++) {
		if (client->started && client->done) {
			pthread_join(client->thread, NULL);
			client->started = false;
			client->done = false;
		}
		if (!client->started)
			return client;
	}
	return NULL;
}

static bool serve(struct client *client, int fd)
{
	client->fd = fd;
	if (pthread_create(&client->thread, NULL, client_thread, client))
		client->fd = -1;
	else
		client->started = true;
	return client->started;
}

static void *accept_thread(void *arg)
{
	struct control *control = arg;
	struct client *client;
	int fd;

	for (;;) {
		fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&control->lock);
		client = control->stop ? NULL : free_client(control);
		if (!client || !serve(client, fd))
			close(fd);
		pthread_mutex_unlock(&control->lock);
	}
}

/**
 * control_start() - open the control socket
 * @gpu: the device
 * @path: path of the socket
 *
 * Return: the control socket, or NULL with errno set.
 */
struct control *control_start(struct gpu *gpu, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->gpu = gpu;
	pthread_mutex_init(&control->lock, NULL);
	for (int i = 0; i < CLIENTS; i++)
		control->client[i] =
			(struct client){ .control = control, .fd = -1 };
	control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) < sizeof(addr.sun_path)) {
		strcpy(addr.sun_path, path);
		unlink(path);
		control->path = strdup(path);
		if (control->path && control->listener >= 0 &&
		    !bind(control->listener, (struct sockaddr *)&addr,
			  sizeof(addr)) &&
		    !listen(control->listener, CLIENTS) &&
		    !pthread_create(&control->thread, NULL, accept_thread,
				    control))
			return control;
	} else {
		errno = ENAMETOOLONG;
	}
	if (control->listener >= 0)
		close(control->listener);
	free(control->path);
	free(control);
	return NULL;
}

/**
 * control_stop() - close the control socket
 * @control: the control socket; the device's threads must have ended
 */
void control_stop(struct control *control)
{
	struct client *client;

	pthread_mutex_lock(&control->lock);
	control->stop = true;
	for (client = control->client; client < control->client + CLIENTS;
	     client++)
		if (client->fd >= 0)
			shutdown(client->fd, SHUT_RDWR);
	pthread_mutex_unlock(&control->lock);
	shutdown(control->listener, SHUT_RDWR);
	pthread_join(control->thread, NULL);
	for (client = control->client; client < control->client + CLIENTS;
	     client++)
		if (client->started)
			pthread_join(client->thread, NULL);
	close(control->listener);
	unlink(control->path);
	pthread_mutex_destroy(&control->lock);
	free(control->path);
	free(control);
}
