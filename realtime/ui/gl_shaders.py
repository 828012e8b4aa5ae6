"""The 3D view's shaders. Space: the real camera's, metres, y down; `to_clip` is of the view that is painted.

Images come out with the top row first, as Qt wants them, because `to_clip` keeps y down.
"""

from __future__ import annotations

BODY_VERTEX = """
#version 330
uniform mat4 to_clip;
in vec3 corner;              // on the unit sphere; y tells which end
in vec3 start; in vec3 end; in float radius; in vec4 paint; in float hollow;
out vec3 normal; out vec3 place; out vec4 tint; out float ring;
void main() {
    vec3 along = end - start;
    float size = length(along);
    vec3 y = size > 1e-5 ? along / size : vec3(0, 1, 0);
    vec3 x = normalize(abs(y.x) < 0.9 ? cross(y, vec3(1, 0, 0)) : cross(y, vec3(0, 0, 1)));
    normal = x * corner.x + y * corner.y + cross(x, y) * corner.z;
    place = (corner.y > 0.0 ? end : start) + normal * radius;
    tint = paint;
    ring = hollow;
    gl_Position = to_clip * vec4(place, 1);
}
"""

BODY_FRAGMENT = """
#version 330
uniform vec3 eye; uniform vec3 shade;
in vec3 normal; in vec3 place; in vec4 tint; in float ring;
out vec4 colour;
void main() {
    vec3 n = normalize(normal), v = normalize(eye - place);
    float facing = max(dot(n, v), 0.0);
    float lit = 0.62 + 0.38 * dot(n, normalize(vec3(-0.35, -0.85, -0.4)));
    vec3 rgb = tint.rgb * (0.55 + 0.6 * lit) + 0.10 * pow(facing, 24.0);
    rgb = mix(shade, rgb, smoothstep(0.12, 0.42, facing));        // the rim
    rgb = mix(rgb, shade, ring * smoothstep(0.80, 0.88, facing)); // right joints are hollow
    colour = vec4(rgb, tint.a);
}
"""

SHADOW_VERTEX = """
#version 330
uniform mat4 to_clip; uniform float reach; uniform float floor_y;
in vec2 corner;
in vec3 start; in vec3 end;
out vec2 at; out vec2 a; out vec2 b;
void main() {
    a = start.xz; b = end.xz;
    vec2 along = b - a;
    vec2 u = length(along) > 1e-5 ? normalize(along) : vec2(1, 0);
    at = (corner.x > 0.0 ? b : a) + reach * (u * corner.x + vec2(-u.y, u.x) * corner.y);
    gl_Position = to_clip * vec4(at.x, floor_y, at.y, 1);
}
"""

SHADOW_FRAGMENT = """
#version 330
uniform vec3 canvas; uniform vec3 shadow; uniform float reach;
in vec2 at; in vec2 a; in vec2 b;
out vec4 colour;
void main() {
    vec2 along = b - a;
    float share = clamp(dot(at - a, along) / max(dot(along, along), 1e-9), 0.0, 1.0);
    float dark = smoothstep(1.0, 0.25, length(at - a - along * share) / reach);
    colour = vec4(mix(canvas, shadow, dark), 1);
}
"""

LINE_VERTEX = """
#version 330
uniform mat4 to_clip; uniform vec2 size;
in vec2 corner;              // x: which end, 0 or 1; y: which side, -1 or 1
in vec3 start; in vec3 end; in float radius; in vec4 paint;
out vec4 tint; out float side; out float half_px;
void main() {
    vec4 a = to_clip * vec4(start, 1), b = to_clip * vec4(end, 1);
    const float NEAR = 0.2;
    if (a.w < NEAR && b.w > NEAR) a = mix(a, b, (NEAR - a.w) / (b.w - a.w));
    if (b.w < NEAR && a.w > NEAR) b = mix(b, a, (NEAR - b.w) / (a.w - b.w));
    vec4 here = corner.x < 0.5 ? a : b;
    vec2 along = (b.xy / b.w - a.xy / a.w) * size;
    vec2 u = length(along) > 1e-6 ? normalize(along) : vec2(1, 0);
    half_px = radius + 0.5;
    side = corner.y * (radius + 1.0);
    vec2 away = vec2(-u.y, u.x) * side + u * (corner.x - 0.5) * radius;
    tint = paint;
    gl_Position = a.w < NEAR && b.w < NEAR ? vec4(2, 2, 2, 1) : here + vec4(away * 2.0 / size * here.w, 0, 0);
}
"""

LINE_FRAGMENT = """
#version 330
in vec4 tint; in float side; in float half_px;
out vec4 colour;
void main() { colour = vec4(tint.rgb, tint.a * clamp(half_px - abs(side), 0.0, 1.0)); }
"""
