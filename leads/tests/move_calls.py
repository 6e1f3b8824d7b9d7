"""Calling the moves of contacts over the API."""


def move(api, contact, name, body=None, **kwargs):
    return api.post(f"contacts/{contact.pk}/{name}/", body, **kwargs)


def in_short(response):
    assert response.status_code == 200, response.content
    answer = response.json()
    return answer["status"], answer["operator_id"], answer["version"], answer["changed"]
