uniform sampler2DShadow still_shadow;
uniform mat4 still_light;
uniform float still_spread;
uniform sampler2DShadow live_shadow;
uniform mat4 live_light;
uniform float live_spread;
uniform vec3 eye;
uniform int first_finish;
uniform int person;
uniform vec3 between_eyes;
uniform float half_eyes;
in vec3 world;
in vec3 facing;
in vec3 texture_at;
flat in int look;
flat in int bone;
layout(location = 0) out vec4 image;
layout(location = 1) out uint identity;

// Brows and lips on skin and the iris on eyes, in halves of the distance between the eyes: measured on the mesh.
vec3 with_face(Finish f, vec3 colour, vec3 rest) {
    vec3 at = (rest - between_eyes) / half_eyes;
#if PATTERN == EYE
    vec2 iris = vec2(abs(at.x) - 1.0, at.y);
    return dot(iris, iris) < 0.051 ? f.second : colour;
#elif PATTERN == SKIN
    if (at.z < 0.0 || abs(at.y) > 4.0) return colour;
    vec2 brow = vec2((abs(at.x) - 1.04) / 0.66, (at.y - 0.47) / 0.12);
    vec2 lips = vec2(at.x / 0.85, (at.y + 2.5) / 0.33);
    if (dot(brow, brow) < 1.0) return mix(colour, f.second, 0.75);
    if (dot(lips, lips) < 1.0) return colour * vec3(0.80, 0.52, 0.50);
#endif
    return colour;
}

void main() {
    Finish f = finish_of(first_finish + look);
    vec3 to_eye = normalize(eye - world);
    vec3 normal = normalize(facing);
    if (dot(normal, to_eye) < -0.15) normal = -normal;
    vec3 colour = with_face(f, albedo(f, texture_at), texture_at);
    float lit = max(dot(normal, towards_key), 0.0);
    if (lit > 0.0) {
        vec3 off = world + 0.012 * normal;
        lit *= reached_roughly(live_shadow, live_light, off, live_spread, 0.0015);
        lit *= reached_roughly(still_shadow, still_light, off, still_spread, 0.0008);
    }
    float open = 0.6 + 0.4 * clamp(world.y / 1.2, 0.0, 1.0);
    vec3 light = colour * (around(normal) * open + key_light * lit);
    light += key_light * lit * sheen(normal, to_eye, f.gloss);
    image = vec4(developed(light, gl_FragCoord.xy), 1.0);
    identity = uint((person + 1) * 64 + bone);
}
