// What a Finish looks like at a place. PATTERN, its place in surface.PATTERNS, is fixed when a program is made:
// Mesa on a processor runs every side of a branch, so what is drawn with one program shares one pattern.

uniform sampler2D finishes;   // three texels a finish

struct Finish { vec3 colour; vec3 second; float size; float strength; float gloss; };

Finish finish_of(int number) {
    vec4 a = texelFetch(finishes, ivec2(0, number), 0);
    vec4 b = texelFetch(finishes, ivec2(1, number), 0);
    vec4 c = texelFetch(finishes, ivec2(2, number), 0);
    return Finish(a.rgb, b.rgb, b.w, c.x, c.y);
}

float hash(ivec3 cell) {
    uvec3 v = uvec3(cell) * uvec3(1597334673u, 3812015801u, 2798796415u);
    uint h = (v.x ^ v.y ^ v.z) * 1597334673u;
    h ^= h >> 15; h *= 2246822519u; h ^= h >> 13;
    return float(h >> 8) / 16777216.0;
}

float noise(vec3 p) {
    ivec3 cell = ivec3(floor(p));
    vec3 f = p - floor(p);
    f = f * f * (3.0 - 2.0 * f);
    vec4 near = vec4(hash(cell), hash(cell + ivec3(1, 0, 0)), hash(cell + ivec3(0, 1, 0)), hash(cell + ivec3(1, 1, 0)));
    vec4 far = vec4(hash(cell + ivec3(0, 0, 1)), hash(cell + ivec3(1, 0, 1)), hash(cell + ivec3(0, 1, 1)), hash(cell + ivec3(1, 1, 1)));
    vec4 mid = mix(near, far, f.z);
    return mix(mix(mid.x, mid.y, f.x), mix(mid.z, mid.w, f.x), f.y);
}

float clouds(vec3 p) {
    return 0.55 * noise(p) + 0.30 * noise(p * 2.3 + 7.1) + 0.15 * noise(p * 5.1 + 3.7);
}

// 1 where a pattern of this period in texture units is resolved by the pixels, 0 where it would alias.
float resolved(vec2 at) {
    vec2 pace = fwidth(at);
    return 1.0 - smoothstep(0.25, 0.6, max(pace.x, pace.y));
}

float edge(float inside, float width) { return smoothstep(-width, width, inside); }

vec3 laid(Finish f, vec3 place, float length, float wide, float joint) {
    // Boards, tiles or bricks: pieces `length` by `wide`, shifted from row to row, with joints between.
    float row = floor(place.x / wide);
    float shift = PATTERN == TILES ? 0.0 : (PATTERN == BRICKS ? 0.5 * mod(row, 2.0) : hash(ivec3(int(row), 5, 9)));
    vec2 at = vec2(place.x / wide, place.y / length + shift);
    ivec2 piece = ivec2(floor(at));
    vec2 in_piece = abs(fract(at) - 0.5) * 2.0;
    vec2 gap = vec2(joint / wide, joint / length) * 2.0;
    float tone = hash(ivec3(piece, 1)) - 0.5;
    float streak = clouds(vec3(place.x * 40.0, place.y * 2.5, hash(ivec3(piece, 2)) * 50.0)) - 0.5;
    float clear = resolved(at);
    vec3 colour = f.colour * (1.0 + f.strength * clear * (0.5 * tone + 0.5 * streak * resolved(place.xy * vec2(40.0, 2.5))));
    vec2 seam = smoothstep(1.0 - gap - 0.01, 1.0 - 0.5 * gap, in_piece);
    vec3 grout = PATTERN == PLANKS ? f.colour * 0.4 : f.second;
    return mix(colour, grout, max(seam.x, seam.y) * resolved(at * 0.25));
}

vec3 albedo(Finish f, vec3 place) {
    vec2 at = place.xy / f.size;
    float plain = f.strength * resolved(at);
#if PATTERN == GRAIN
    return f.colour * (1.0 + f.strength * 1.4 * (clouds(place / f.size) - 0.5));
#elif PATTERN == STRIPES
    return mix(f.colour, f.second, plain * edge(0.25 - abs(fract(at.x) - 0.5), 0.02));
#elif PATTERN == CHECKS
    vec2 band = vec2(edge(0.25 - abs(fract(at.x) - 0.5), 0.02), edge(0.25 - abs(fract(at.y) - 0.5), 0.02));
    return mix(f.colour, f.second, plain * 0.5 * (band.x + band.y));
#elif PATTERN == DOTS
    return mix(f.colour, f.second, plain * edge(0.27 - length(fract(at) - 0.5), 0.04));
#elif PATTERN == DENIM
    vec2 twill = vec2((place.x + place.y) / 0.004, 0.0);
    float fine = 0.25 * sin(6.28318 * twill.x) * resolved(twill);
    return f.colour * (1.0 + f.strength * (fine + 1.3 * (clouds(place / 0.11) - 0.45)));
#elif PATTERN == PRINT
    float blotch = clouds(vec3(at, 3.3)) - 0.52;
    vec3 third = f.second.gbr;
    vec3 colour = mix(f.colour, f.second, f.strength * edge(blotch, 0.015));
    return mix(colour, third, f.strength * 0.8 * edge(clouds(vec3(at * 1.7, 9.1)) - 0.62, 0.015));
#elif PATTERN == PLANKS
    return laid(f, place, 11.0 * f.size, f.size, 0.004);
#elif PATTERN == TILES
    return laid(f, place, f.size, f.size, 0.006);
#elif PATTERN == BRICKS
    return laid(f, place.yxz, f.size, f.size * 0.32, 0.012);
#elif PATTERN == CARPET
    vec2 tuft = place.xy / 0.006;
    float speckle = (hash(ivec3(floor(tuft), 4)) - 0.5) * resolved(tuft);
    return f.colour * (1.0 + f.strength * (0.9 * speckle + 0.5 * (clouds(place / 0.35) - 0.5)));
#elif PATTERN == GROUND
    float patch_ = clouds(vec3(place.xy / f.size, 1.0));
    float fine = (noise(vec3(place.xy / 0.03, 2.0)) - 0.5) * resolved(place.xy / 0.03);
    float share = mix(0.5, smoothstep(0.35, 0.65, patch_), resolved(at));
    return mix(f.colour, f.second, share) * (1.0 + f.strength * fine);
#elif PATTERN == SKIN
    return f.colour * (1.0 + 0.10 * (clouds(place / 0.05) - 0.5));
#elif PATTERN == HAIR
    vec3 strand = place * vec3(420.0, 18.0, 420.0);
    return f.colour * (0.85 + 0.55 * f.strength * (noise(strand) - 0.4) + 0.25 * (clouds(place / 0.04) - 0.5));
#else
    return f.colour;
#endif
}
