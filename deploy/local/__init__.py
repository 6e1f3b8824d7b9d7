"""The rooms of `deploy.topology`: each part of the topology as processes under one folder."""
