"""The tables, made of the wards of the only edition."""

TABLES = """
    create table mapit_generation (id serial primary key, active boolean not null,
        created timestamptz not null, description text not null);
    create table mapit_country (id serial primary key, code text unique, name text unique);
    create table mapit_type (id serial primary key, code text unique, description text);
    create table mapit_codetype (id serial primary key, code text unique, description text);
    create table mapit_area (id serial primary key, name text not null,
        parent_area_id int references mapit_area, type_id int not null references mapit_type,
        country_id int references mapit_country,
        generation_low_id int references mapit_generation,
        generation_high_id int references mapit_generation);
    create table mapit_code (id serial primary key, area_id int not null references mapit_area,
        type_id int not null references mapit_codetype, code text not null);
    create table mapit_geometry (id serial primary key, area_id int not null references mapit_area);
    create table mapit_geometrysubdivided (id serial primary key,
        geometry_id int not null references mapit_geometry, division geometry(polygon, 4326));

    insert into mapit_generation (active, created, description) values (true, now(), 'all');
    insert into mapit_country (code, name) values ('V', 'Vietnam');
    insert into mapit_codetype (code, description) values ('gso', 'General Statistics Office');
    insert into mapit_type (code, description)
        select type, 'A ' || type from wards union select 'province', 'A province';
    insert into mapit_area
            (name, type_id, country_id, generation_low_id, generation_high_id)
        select distinct province_name, (select id from mapit_type where code = 'province'), 1, 1, 1
          from wards;
    insert into mapit_area
            (name, parent_area_id, type_id, country_id, generation_low_id, generation_high_id)
        select w.name, p.id, t.id, 1, 1, 1
          from (select * from wards order by code) as w
          join mapit_area as p on p.name = w.province_name and p.parent_area_id is null
          join mapit_type as t on t.code = w.type
         order by w.code;
    insert into mapit_code (area_id, type_id, code)
        select area.id, 1, ward.code
          from (select id, row_number() over (order by id) as at from mapit_area
                 where parent_area_id is not null) as area
          join (select code, row_number() over (order by code) as at from wards) as ward using (at);
    insert into mapit_geometry (area_id) select area_id from mapit_code order by area_id;
    insert into mapit_geometrysubdivided (geometry_id, division)
        select g.id, ST_Subdivide((ST_Dump(w.boundary)).geom, 255)
          from mapit_geometry as g join mapit_code as c using (area_id)
          join wards as w on w.code = c.code;

    create index on mapit_area (type_id);
    create index on mapit_area (parent_area_id);
    create index on mapit_area (generation_low_id);
    create index on mapit_area (generation_high_id);
    create index on mapit_code (area_id);
    create index on mapit_geometry (area_id);
    create index on mapit_geometrysubdivided (geometry_id);
    create index on mapit_geometrysubdivided using gist (division);
    analyze mapit_area; analyze mapit_code; analyze mapit_geometry;
    analyze mapit_geometrysubdivided;
"""
