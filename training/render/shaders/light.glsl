// Light on a surface, and what a camera makes of it.

uniform vec3 towards_key;
uniform vec3 key_light;
uniform vec3 light_above;
uniform vec3 light_below;
uniform vec3 gain;          // exposure and white balance
uniform float vignette;     // light lost in the corners
uniform vec2 image_size;

vec3 around(vec3 normal) { return mix(light_below, light_above, 0.5 + 0.5 * normal.y); }

float sheen(vec3 normal, vec3 to_eye, float gloss) {
    float spread = mix(12.0, 90.0, gloss);
    return gloss * pow(max(dot(normal, normalize(to_eye + towards_key)), 0.0), spread) * (0.4 + 2.0 * gloss);
}

// Where a place lies in a map that holds depths seen from the light, and how far to look around it; turned
// from pixel to pixel so that soft edges show no bands.
vec3 seen_from(mat4 light_from_world, vec3 place, float bias) {
    return (light_from_world * vec4(place, 1.0)).xyz * 0.5 + vec3(0.5, 0.5, 0.5 - bias);
}

vec2 around_it(float spread) {
    float turn = 6.28318 * fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.06711, 0.00584))));
    return spread * vec2(cos(turn), sin(turn));
}

bool outside(vec3 at) { return any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0))); }

// How much of the key light reaches a place: two looks, or four.
float reached_roughly(sampler2DShadow map, mat4 light_from_world, vec3 place, float spread, float bias) {
    vec3 at = seen_from(light_from_world, place, bias);
    vec2 far = 0.7 * around_it(spread);
    float sum = texture(map, vec3(at.xy + far, at.z)) + texture(map, vec3(at.xy - far, at.z));
    return outside(at) ? 1.0 : 0.5 * sum;
}

float reached(sampler2DShadow map, mat4 light_from_world, vec3 place, float spread, float bias) {
    vec3 at = seen_from(light_from_world, place, bias);
    vec2 far = around_it(spread);
    vec2 near = 0.5 * vec2(-far.y, far.x);
    float sum = texture(map, vec3(at.xy + far, at.z)) + texture(map, vec3(at.xy - far, at.z))
        + texture(map, vec3(at.xy + near, at.z)) + texture(map, vec3(at.xy - near, at.z));
    return outside(at) ? 1.0 : 0.25 * sum;
}

vec3 developed(vec3 light, vec2 pixel) {
    vec2 off = (pixel / image_size - 0.5) * 2.0;
    vec3 value = light * gain * (1.0 - vignette * 0.5 * dot(off, off));
    value = mix(value, 1.0 - 0.25 * exp(-(value - 0.75) / 0.25), step(0.75, value));   // highlights roll off
    vec3 dark = value * 12.92;
    vec3 bright = 1.055 * pow(max(value, vec3(1e-5)), vec3(1.0 / 2.4)) - 0.055;
    return mix(dark, bright, step(0.0031308, value));
}
